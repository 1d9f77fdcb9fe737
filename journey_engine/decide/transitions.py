"""What an event does to a live instance (rules S1 to S8).

Theory of operation. `advance` asks an instance, in this order: its goals and exits (also for a
late event); then, if the event reached it, its updates and the transitions of its stage in
document order, of which the first that holds is taken. Resets count only where no transition
was taken. All guards read one snapshot, that before any of this (rule S2).
"""

from journey_engine.decide import stages, waits
from journey_engine.decide.decision import Step
from journey_engine.decide.draft import Draft
from journey_engine.decide.scope import Answer, View, ask, key_of
from journey_engine.define.plan import (
    Clause,
    Expression,
    JourneyPlan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.errors import EndReason

_NO_CLAUSES: tuple[Clause, ...] = ()
_NO_TRANSITIONS: tuple[TransitionPlan, ...] = ()


def advance(draft: Draft, journey: JourneyPlan, position: int, view: View, *, late: bool) -> None:
    """Let the event act on the instance at `position`, whose view this is."""
    instance = draft.instances[position]
    kind = view.moment.name
    stage = journey.stages.get(instance.stage)
    if stage is None:
        stages.end(draft, journey, view.moment, draft.touch(position), EndReason.QUARANTINED, kind)
        return
    goals = journey.goals.get(kind, _NO_CLAUSES)
    exits = journey.exits.get(kind, _NO_CLAUSES)
    if (goals or exits) and _finish(draft, journey, position, view, goals, exits):
        return
    if late:
        return
    updates = journey.updates.get(kind, _NO_CLAUSES)
    if _reached(draft, journey, stage, view, (*goals, *exits, *updates)):
        waits.reach(journey, draft.touch(position), view.moment.at)
        _update(draft, journey, position, view, updates)
        if not _move(draft, journey, stage, position, view):
            _reset(draft, journey, stage, position, view)


def _finish(
    draft: Draft,
    journey: JourneyPlan,
    position: int,
    view: View,
    goals: tuple[Clause, ...],
    exits: tuple[Clause, ...],
) -> bool:
    """End the instance if a goal or an exit matches: goal before exit, both recorded (S1)."""
    goal = _first(draft, journey, view, "goal", goals)
    exit_ = _first(draft, journey, view, "exit", exits)
    if goal is None and exit_ is None:
        return False
    names = [clause.name for clause in (goal, exit_) if clause is not None]
    reason = EndReason.EXIT if goal is None else EndReason.GOAL
    moment = view.moment
    stages.end(draft, journey, moment, draft.touch(position), reason, moment.name, "+".join(names))
    return True


def _first(
    draft: Draft, journey: JourneyPlan, view: View, what: str, clauses: tuple[Clause, ...]
) -> Clause | None:
    for clause in clauses:
        if _selects(draft, journey, clause.key, view) and _holds(
            draft, journey, what, clause, view
        ):
            return clause
    return None


def _holds(draft: Draft, journey: JourneyPlan, what: str, clause: Clause, view: View) -> bool:
    guard = clause.when
    answer = ask(draft, journey.name, guard, view)
    reads = () if guard is None else (guard.reads, view)
    draft.out.trace.append(Step(what, journey.name, view.key, clause.text, answer, *reads))
    return answer is Answer.TRUE


def _selects(draft: Draft, journey: JourneyPlan, key: Expression | None, view: View) -> bool:
    """Whether a clause means this instance: by key (I1), or because it is feedback to it (I2)."""
    if key is None or view.moment.send is not None:
        return True
    return key_of(draft, journey.name, key, view) == view.key


def _reached(
    draft: Draft, journey: JourneyPlan, stage: StagePlan, view: View, clauses: tuple[Clause, ...]
) -> bool:
    """Whether a clause in force names the type and means this instance, whatever its guard says.

    A goal without `on` names no type: it is asked, but does not keep an instance alive (I7).
    """
    kind = view.moment.name
    for clause in clauses:
        if clause.types and _selects(draft, journey, clause.key, view):
            return True
    for transition in stage.by_type.get(kind, _NO_TRANSITIONS):
        if transition.trigger is Trigger.EVENT and _selects(draft, journey, transition.key, view):
            return True
    for wait in stage.resets.get(kind, _NO_TRANSITIONS):
        if _selects(draft, journey, wait.key, view):
            return True
    return False


def _update(
    draft: Draft, journey: JourneyPlan, position: int, view: View, updates: tuple[Clause, ...]
) -> None:
    for clause in updates:
        if _selects(draft, journey, clause.key, view) and _holds(
            draft, journey, "update", clause, view
        ):
            stages.remember(draft, draft.touch(position), clause.remember, view)


def _move(draft: Draft, journey: JourneyPlan, stage: StagePlan, position: int, view: View) -> bool:
    """Take the first transition in document order whose guard holds (rules S1, S6)."""
    live = draft.touch(position)
    for transition in stage.by_type.get(view.moment.name, stage.eventless):
        if transition.trigger is Trigger.EVENT and not _selects(
            draft, journey, transition.key, view
        ):
            continue
        answer = ask(draft, journey.name, transition.when, view)
        stages.look(draft, "transition", live, transition, answer, view)
        if answer is Answer.TRUE:
            stages.take(draft, journey, live, transition, view)
            return True
    return False


def _reset(draft: Draft, journey: JourneyPlan, stage: StagePlan, position: int, view: View) -> None:
    moment = view.moment
    for wait in stage.resets.get(moment.name, _NO_TRANSITIONS):
        if _selects(draft, journey, wait.key, view):
            live = draft.touch(position)
            draft.out.trace.append(Step("reset", journey.name, live.key, wait.text))
            waits.reset(live, wait, moment.at)
            live.cause = moment.origin or live.cause
