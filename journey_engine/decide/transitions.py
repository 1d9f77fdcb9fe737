"""What an event does to a live instance (rules S1 to S8).

Theory of operation. `advance` asks an instance, in this order: its goals and exits (also for a
late event); then, if the event reached it, its updates and the transitions of its stage in
document order, of which the first that holds is taken. Resets count only where no transition
was taken. All guards read one snapshot, that before any of this (rule S2).
"""

from journey_engine.decide import stages, waits
from journey_engine.decide.decision import Step
from journey_engine.decide.draft import Draft
from journey_engine.decide.scope import Answer, Moment, View, ask, key_of, note
from journey_engine.define.plan import (
    Asked,
    Clause,
    Expression,
    JourneyPlan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.errors import EndReason

_NO_TRANSITIONS: tuple[TransitionPlan, ...] = ()


def advance(draft: Draft, asked: Asked, position: int, moment: Moment, *, late: bool) -> None:
    """Let the event act on the instance at `position`."""
    journey, kind = asked.journey, moment.name
    instance = draft.instances[position]
    stage = journey.stages.get(instance.stage)
    if stage is None:
        stages.end(draft, journey, moment, draft.touch(position), EndReason.QUARANTINED, kind)
        return
    finishes = asked.goals or asked.exits
    if not finishes and (
        late or not (asked.named or kind in stage.by_type or kind in stage.resets)
    ):
        return  # as for most events: nothing in this stage looks at it
    view = View(moment, journey, instance)
    if finishes and _finish(draft, asked, position, view):
        return
    if not late and _reached(draft, asked, stage, view):
        waits.reach(journey, draft.touch(position), moment.at)
        if asked.updates:
            _update(draft, asked, position, view)
        if not _move(draft, journey, stage, position, view):
            _reset(draft, journey, stage, position, view)


def _finish(draft: Draft, asked: Asked, position: int, view: View) -> bool:
    """End the instance if a goal or an exit matches: goal before exit, both recorded (S1)."""
    journey = asked.journey
    goal = _first(draft, journey, view, "goal", asked.goals)
    exit_ = _first(draft, journey, view, "exit", asked.exits)
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
    answer = ask(draft, journey.name, clause.when, view)
    note(draft, what, journey.name, view.key, clause, answer, view)
    return answer is Answer.TRUE


def _selects(draft: Draft, journey: JourneyPlan, key: Expression | None, view: View) -> bool:
    """Whether a clause means this instance: by key (I1), or because it is feedback to it (I2)."""
    if key is None or view.moment.send is not None:
        return True
    return key_of(draft, journey.name, key, view) == view.key


def _reached(draft: Draft, asked: Asked, stage: StagePlan, view: View) -> bool:
    """Whether a clause in force names the type and means this instance, whatever its guard says.

    A goal without `on` names no type: it is asked, but does not keep an instance alive (I7).
    """
    journey, kind = asked.journey, view.moment.name
    for clause in asked.named:
        if _selects(draft, journey, clause.key, view):
            return True
    for transition in stage.by_type.get(kind, _NO_TRANSITIONS):
        if transition.trigger is Trigger.EVENT and _selects(draft, journey, transition.key, view):
            return True
    for wait in stage.resets.get(kind, _NO_TRANSITIONS):
        if _selects(draft, journey, wait.key, view):
            return True
    return False


def _update(draft: Draft, asked: Asked, position: int, view: View) -> None:
    journey = asked.journey
    for clause in asked.updates:
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
