"""What an event does to a live instance (rules S1 to S8, I5).

Theory of operation. `advance` asks an instance, in this order: its milestones, its goals and exits
(all of these also for a late event); then, if the event reached it, its updates and the
transitions of its stage in document order, of which the first that holds is taken. Resets count
only where no transition was taken. All guards read one snapshot, that before any of this (rule
S2), but that those after the milestones read the milestones that this very event reached.
"""

from typing import Final

from journey_engine.decide import patterns, stages, waits
from journey_engine.decide.draft import Draft, Leaving
from journey_engine.decide.scope import Answer, Moment, View, ask, note, selects
from journey_engine.decide.trace import Step
from journey_engine.define.plan import (
    MILESTONE,
    Asked,
    Clause,
    JourneyPlan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.errors import EndReason

_NO_TRANSITIONS: Final[tuple[TransitionPlan, ...]] = ()
_NONE_MATCHED: Final[set[int]] = set()


def advance(draft: Draft, asked: Asked, position: int, moment: Moment, *, late: bool) -> None:
    """Let the event act on the instance at `position`."""
    journey, kind = asked.journey, moment.name
    instance = draft.instances[position]
    stage = journey.stages.get(instance.stage)
    if stage is None:
        stages.end(draft, journey, moment, draft.touch(position), EndReason.QUARANTINED, kind)
        return
    finishes = asked.goals or asked.exits
    if not (finishes or asked.milestones or asked.watched) and (
        late or not (asked.named or kind in stage.by_type or kind in stage.resets)
    ):
        return  # as for most events: nothing in this stage looks at it
    view = View(moment, journey, instance)
    met = False
    if asked.milestones:
        reached = _milestones(draft, asked, view)
        if reached:
            met = True
            live = draft.touch(position)
            stages.reach(draft, moment, live, stage, reached)
            view = View(moment, journey, instance)
            view.reached = live.milestones
    if finishes and _finish(draft, asked, position, view, late=late):
        return
    matched = _NONE_MATCHED
    if asked.watched:
        matched = patterns.watch(draft, asked, position, stage, view, late=late)
    if not late and (met or _reached(draft, asked, stage, view)):
        waits.reach(journey, draft.touch(position), moment.at)
        if asked.updates:
            _update(draft, asked, stage, position, view)
        if not _move(draft, journey, stage, position, view, matched, met=met):
            _reset(draft, journey, stage, position, view, met=met)


def _milestones(draft: Draft, asked: Asked, view: View) -> list[str]:
    """The milestones that the event reaches first; their guards do not see one another (I5)."""
    journey = asked.journey
    return [
        clause.name
        for clause in asked.milestones
        if clause.name not in view.reached
        and selects(draft, journey.name, clause.key, view)
        and _holds(draft, journey, "milestone", clause, view)
    ]


def _finish(draft: Draft, asked: Asked, position: int, view: View, *, late: bool) -> bool:
    """End the instance if a goal or an exit matches: goal before exit, both recorded (S1). Where
    the exit leads into another journey, that is done when all have seen the event (I6).
    """
    journey = asked.journey
    goal = _first(draft, journey, view, "goal", asked.goals)
    newest, over = journey, view
    if draft.plan.kept and asked.exits:
        newest = draft.plan.by_name[journey.name]
        over = View(view.moment, newest, draft.instances[position])
        over.reached = view.reached
    exit_ = _first(draft, newest, over, "exit", asked.exits)
    if goal is None and exit_ is None:
        return False
    names = [clause.name for clause in (goal, exit_) if clause is not None]
    reason = EndReason.EXIT if goal is None else EndReason.GOAL
    moment, live = view.moment, draft.touch(position)
    if exit_ is not None and exit_.switch is not None:
        instance, record = draft.instances[position], len(draft.out.transitions)
        draft.leaving.append(
            Leaving(
                newest,
                instance,
                view.reached,
                exit_,
                exit_.switch,
                record=record,
                late=late,
            )
        )
    stages.end(draft, journey, moment, live, reason, moment.name, "+".join(names))
    return True


def _first(
    draft: Draft, journey: JourneyPlan, view: View, what: str, clauses: tuple[Clause, ...]
) -> Clause | None:
    for clause in clauses:
        if selects(draft, journey.name, clause.key, view) and _holds(
            draft, journey, what, clause, view
        ):
            return clause
    return None


def _holds(draft: Draft, journey: JourneyPlan, what: str, clause: Clause, view: View) -> bool:
    answer = ask(draft, journey.name, clause.when, view)
    note(draft, what, journey.name, view.key, clause, answer, view)
    return answer is Answer.TRUE


def _reached(draft: Draft, asked: Asked, stage: StagePlan, view: View) -> bool:
    """Whether a clause in force names the type and means this instance, whatever its guard says.

    A goal without `on` names no type: it is asked, but does not keep an instance alive (I7). A
    milestone is in force until it is reached.
    """
    journey, kind = asked.journey, view.moment.name
    for clause in asked.milestones:
        if clause.name not in view.reached and selects(draft, journey.name, clause.key, view):
            return True
    for clause in asked.named:
        if selects(draft, journey.name, clause.key, view):
            return True
    for transition in stage.by_type.get(kind, _NO_TRANSITIONS):
        if (
            transition.trigger is Trigger.EVENT
            and transition.pattern is None
            and selects(draft, journey.name, transition.key, view)
        ):
            return True
    for wait in stage.resets.get(kind, _NO_TRANSITIONS):
        if selects(draft, journey.name, wait.key, view):
            return True
    return bool(asked.watched) and patterns.reached(draft, asked, stage, view)


def _update(draft: Draft, asked: Asked, stage: StagePlan, position: int, view: View) -> None:
    journey, live = asked.journey, draft.touch(position)
    before = live.context
    for clause in asked.updates:
        if selects(draft, journey.name, clause.key, view) and _holds(
            draft, journey, "update", clause, view
        ):
            stages.remember(draft, live, clause.remember, view)
    waits.context_changed(draft, live, stage, view, before)


def _move(
    draft: Draft,
    journey: JourneyPlan,
    stage: StagePlan,
    position: int,
    view: View,
    matched: set[int],
    *,
    met: bool,
) -> bool:
    """Take the first transition in document order whose guard holds (rules S1, S6).

    `matched` are those with a pattern that this event made whole, guard included; `met` says
    whether a milestone was reached.
    """
    live = draft.touch(position)
    for transition in _candidates(stage, view.moment.name, met=met):
        if transition.pattern is not None:
            if transition.index not in matched:
                continue
            answer = Answer.TRUE
        elif transition.trigger is Trigger.EVENT and not _meant(
            draft, journey, transition, transition.types, view, met=met
        ):
            continue
        else:
            answer = ask(draft, journey.name, transition.when, view)
        stages.look(draft, "transition", live, transition, answer, view)
        if answer is Answer.TRUE:
            stages.take(draft, journey, live, transition, view)
            return True
    return False


def _candidates(stage: StagePlan, kind: str, *, met: bool) -> tuple[TransitionPlan, ...]:
    found = stage.by_type.get(kind, stage.eventless)
    on_milestone = stage.by_type.get(MILESTONE, _NO_TRANSITIONS) if met else _NO_TRANSITIONS
    if not on_milestone:
        return found
    return tuple(sorted({*found, *on_milestone}, key=_index))


def _index(transition: TransitionPlan) -> int:
    return transition.index


def _meant(
    draft: Draft,
    journey: JourneyPlan,
    transition: TransitionPlan,
    types: frozenset[str],
    view: View,
    *,
    met: bool,
) -> bool:
    """Whether it means this instance: by a milestone of it, or as `selects` says."""
    return (met and MILESTONE in types) or selects(draft, journey.name, transition.key, view)


def _reset(
    draft: Draft, journey: JourneyPlan, stage: StagePlan, position: int, view: View, *, met: bool
) -> None:
    if not stage.resets:
        return
    moment = view.moment
    for wait in stage.timers:
        named = moment.name in wait.reset_on or (met and MILESTONE in wait.reset_on)
        if named and _meant(draft, journey, wait, wait.reset_on, view, met=met):
            live = draft.touch(position)
            draft.out.trace.append(Step("reset", journey.name, live.key, wait.text))
            waits.reset(draft, live, wait, view)
            live.cause = moment.origin or live.cause
