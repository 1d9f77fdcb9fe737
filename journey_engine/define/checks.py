"""What a journey's form allows and its readers must not: the lint that is an error (rule V4).

Only what is certain is reported: a journey that passes may still never do what its author hopes.
"""

from collections.abc import Iterator
from typing import Final

from journey_engine.define.document import JourneyDocument, StageForm, TransitionForm
from journey_engine.define.place import Place

STAGE_TIMERS_MAX: Final = 32
"""Most timers of an instance, the one of `abandon` among them."""


def check_journey(document: JourneyDocument, place: Place) -> None:
    """Report what is structurally wrong."""
    _check_reached(document, place)
    _check_always_loops(document, place)
    for name, stage in document.stages.items():
        at = place.at("stages", name)
        _check_way_out(document, name, stage, at)
        _check_waits(document, stage, at)
        _check_shadowed(stage, at)


def _check_reached(document: JourneyDocument, place: Place) -> None:
    if document.start not in document.stages:
        return
    reached: set[str] = set()
    ahead = [document.start]
    while ahead:
        name = ahead.pop()
        if name not in reached and name in document.stages:
            reached.add(name)
            ahead.extend(each.to for each in document.stages[name].transitions if each.to)
    for name in document.stages.keys() - reached:
        message = f"no transition leads from `{document.start}` to the stage `{name}`"
        place.at("stages", name).key_error("UNREACHABLE_STAGE", message, "lead there, or drop it")


def _check_way_out(document: JourneyDocument, name: str, stage: StageForm, place: Place) -> None:
    leaves = any(each.to not in {None, name} for each in stage.transitions)
    if not leaves and document.abandon is None:
        message = f"nothing but a goal or an exit leads out of the stage `{name}`"
        hint = "add a transition such as {after: 30d, to: end}, or `abandon` to the journey"
        place.key_error("NO_WAY_OUT", message, hint)


def _check_always_loops(document: JourneyDocument, place: Place) -> None:
    """A circle of stages each of which leaves at once, whatever happens."""
    at_once = {name: to for name, form in document.stages.items() if (to := _leaves_at_once(form))}
    reported: set[str] = set()
    for start in document.stages:
        path: list[str] = []
        name = start
        while name in at_once and name not in path:
            path.append(name)
            name = at_once[name]
        circle = path[path.index(name) :] if name in path else []
        if circle and not reported.intersection(circle):
            reported.update(circle)
            message = "`always` leads round in a circle: " + " → ".join([*circle, circle[0]])
            hint = "let one of these stages wait"
            place.at("stages", circle[0]).key_error("ALWAYS_LOOP", message, hint)


def _leaves_at_once(form: StageForm) -> str | None:
    """Where the stage's first `always` leads, if it has no guard."""
    first = next((each for each in form.transitions if each.always), None)
    return first.to if first is not None and first.when is None else None


def _check_waits(document: JourneyDocument, stage: StageForm, place: Place) -> None:
    abandon = document.abandon.after if document.abandon else None
    waits = [(i, each) for i, each in enumerate(stage.transitions) if each.after is not None]
    for index, wait in waits:
        if abandon is not None and wait.after is not None and abandon < wait.after:
            at = place.at("transitions", index, "after")
            message = "the wait is longer than `abandon`, which ends the instance first"
            at.error("WAIT_BEYOND_ABANDON", message, "shorten the wait or lengthen `abandon`")
    timers = len(waits) + (abandon is not None)
    if timers > STAGE_TIMERS_MAX:
        message = f"{timers} timers run in this stage, at most {STAGE_TIMERS_MAX} can"
        place.key_error("TIMERS_LIMIT", message, "`abandon` counts as one")


def _check_shadowed(stage: StageForm, place: Place) -> None:
    for index, later in enumerate(stage.transitions):
        for before, shadow in _before(stage, index):
            if _shadows(shadow, later, stands_before=before < index):
                line = place.at("transitions", before).node.line
                message = f"it is never taken: the transition on line {line} always comes first"
                at = place.at("transitions", index)
                at.error("SHADOWED_TRANSITION", message, "give that one a `when`, or change places")
                break


def _before(stage: StageForm, index: int) -> Iterator[tuple[int, TransitionForm]]:
    return ((i, each) for i, each in enumerate(stage.transitions) if i != index)


def _shadows(shadow: TransitionForm, later: TransitionForm, *, stands_before: bool) -> bool:
    """Whether `shadow`, which has no guard, is taken wherever `later` could be."""
    if shadow.when is not None:
        return False
    if shadow.on is not None and later.on is not None and stands_before:
        same_key = (shadow.key, shadow.scope) == (later.key, later.scope)
        return same_key and set(later.on) <= set(shadow.on)
    if shadow.always and stands_before:
        return bool(later.always) or (later.on is None and later.after is None)
    return _fires_first(shadow, later, stands_before=stands_before)


def _fires_first(shadow: TransitionForm, later: TransitionForm, *, stands_before: bool) -> bool:
    if shadow.after is None or later.after is None or shadow.to is None:
        return False
    same_start = (shadow.since, shadow.reset_on) == (later.since, later.reset_on)
    same_reach = (shadow.key, shadow.scope) == (later.key, later.scope)
    sooner = shadow.after < later.after or (shadow.after == later.after and stands_before)
    return same_start and same_reach and sooner
