"""What a journey's form allows and its readers must not: the lint that is an error (rule V4).

Only what is certain is reported: a journey that passes may still never do what its author hopes.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Final

from journey_engine.define.document import JourneyDocument, StageForm, TransitionForm
from journey_engine.define.migration_plan import Fate
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


def check_review(document: JourneyDocument, place: Place, today: dt.date | None) -> None:
    """Warn of a journey whose `review_by` has passed (rule F4)."""
    if today is not None and dt.date.fromisoformat(document.review_by) < today:
        message = f"the review of this journey was due on {document.review_by}"
        hint = "look at what it does to `success`, then set the next date or retire it"
        place.at("review_by").warn("REVIEW_OVERDUE", message, hint)


def _check_reached(document: JourneyDocument, place: Place) -> None:
    if document.start not in document.stages:
        return
    reached: set[str] = set()
    moves = [move.meant() for move in document.migrate.stages.values()] if document.migrate else []
    ahead = [document.start, *(move.to for move in moves if move.fate is Fate.MOVE)]
    while ahead:
        name = ahead.pop()
        if name not in reached and name in document.stages:
            reached.add(name)
            ahead.extend(document.stages[name].targets)
            ahead.extend(document.stages[name].after_sends)
    for name in document.stages.keys() - reached:
        message = f"no transition leads from `{document.start}` to the stage `{name}`"
        place.at("stages", name).key_error("UNREACHABLE_STAGE", message, "lead there, or drop it")


def _check_way_out(document: JourneyDocument, name: str, stage: StageForm, place: Place) -> None:
    leaves = any(target != name for target in stage.targets)
    if not leaves and document.abandon is None:
        message = f"no transition leads out of the stage `{name}`"
        hint = "add a transition such as {after: 30d, to: end}, or `abandon` to the journey"
        place.key_error("NO_WAY_OUT", message, hint)


def _check_always_loops(document: JourneyDocument, place: Place) -> None:
    """A circle of stages each of which leaves at once, whatever happens."""
    at_once = {name: ways for name, form in document.stages.items() if (ways := _at_once(form))}
    while rests := {name for name in at_once if _comes_to_rest(document, name, at_once)}:
        at_once = {name: ways for name, ways in at_once.items() if name not in rests}
    reported: set[str] = set()
    for start in at_once:
        path: list[str] = []
        name = start
        while name not in path:
            path.append(name)
            name = next(way for way in at_once[name] if way in at_once)
        circle = path[path.index(name) :]
        if not reported.intersection(circle):
            reported.update(circle)
            message = "they lead round in a circle at once: " + " → ".join([*circle, circle[0]])
            hint = "let one of these stages wait"
            place.at("stages", circle[0]).key_error("ALWAYS_LOOP", message, hint)


def _comes_to_rest(document: JourneyDocument, name: str, at_once: Mapping[str, list[str]]) -> bool:
    """Whether who enters the stage can come to rest; in a split those of every arm must."""
    rests = [way not in at_once for way in at_once[name]]
    return all(rests) if document.stages[name].split is not None else any(rests)


def _at_once(form: StageForm) -> list[str]:
    """Where the stage leads at once: a junction, or one whose first `always` has no guard."""
    first = next((each for each in form.transitions if each.always), None)
    if first is not None and first.when is None and first.to is not None:
        return [first.to]
    return form.ways


def _check_waits(document: JourneyDocument, stage: StageForm, place: Place) -> None:
    abandon = document.abandon.after if document.abandon else None
    waits = [(i, each) for i, each in enumerate(stage.transitions) if each.after is not None]
    for index, each in enumerate(stage.transitions):
        patient = each.not_followed_by is not None and each.within is not None
        if patient and abandon is not None and abandon < (each.within or 0):
            at = place.at("transitions", index, "within")
            message = "the wait is longer than `abandon`, which ends the instance first"
            at.error("WAIT_BEYOND_ABANDON", message, "shorten the wait or lengthen `abandon`")
    for index, wait in waits:
        if abandon is not None and wait.after is not None and abandon < wait.after:
            at = place.at("transitions", index, "after")
            message = "the wait is longer than `abandon`, which ends the instance first"
            at.error("WAIT_BEYOND_ABANDON", message, "shorten the wait or lengthen `abandon`")
    dated = sum(each.at is not None for each in stage.transitions)
    timers = len(waits) + dated + (abandon is not None)
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
    """Whether `shadow`, of no guard or the same, is taken wherever `later` could be."""
    if shadow.kind is not None:
        return False
    if shadow.when is not None and (shadow.when != later.when or shadow.after is not None):
        return False
    if shadow.on is not None and later.leads and stands_before:
        keys = {each.key for each in later.elements if set(each.on) & set(later.leads)}
        same_reach = keys == {shadow.key} and shadow.scope == later.scope
        return same_reach and set(later.leads) <= set(shadow.on)
    if not _waits(shadow) and shadow.on is None and stands_before:
        # What is always looked at comes before a bare `when`, which does not see the entering.
        bare = not later.elements and not _waits(later) and not later.always
        return bare or bool(shadow.always and later.always)
    return _fires_first(shadow, later, stands_before=stands_before)


def _waits(form: TransitionForm) -> bool:
    return form.after is not None or form.at is not None


def _fires_first(shadow: TransitionForm, later: TransitionForm, *, stands_before: bool) -> bool:
    if shadow.to is None:
        return False
    same_start = (shadow.since, shadow.reset_on) == (later.since, later.reset_on)
    same_reach = (shadow.key, shadow.scope) == (later.key, later.scope)
    if shadow.at is not None:
        return same_start and same_reach and stands_before and shadow.at == later.at
    if shadow.after is None or later.after is None:
        return False
    sooner = shadow.after < later.after or (shadow.after == later.after and stands_before)
    return same_start and same_reach and sooner
