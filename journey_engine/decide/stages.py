"""How an instance moves: into a stage, on by `always` and junctions, out at its end (S3, S5, S6,
S8, A7, J1, J2).

Actions are only asked for here; they are decided after all transitions of the instant.
Leaving by a transition, also by one to the end, runs `on_exit`; a goal, an exit or an abandon
does not, for what it would send is taken back by that very end.
"""

from typing import Final

from journey_engine.decide import cancels, junctions, matching, memory, waiting, waits
from journey_engine.decide.decision import Transition
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.learn import LONG, length
from journey_engine.decide.live import Live
from journey_engine.decide.scope import Answer, Moment, View, ask, note
from journey_engine.decide.state import (
    CONTEXT_BYTES_MAX,
    CONTEXT_FIELDS_MAX,
    MACRO_HISTORY_MAX,
    MICROSTEPS_MAX,
    MacroStage,
    Pending,
)
from journey_engine.define.action_plan import Action
from journey_engine.define.expression import EvaluationError, Expression, Value, Warming
from journey_engine.define.junction_plan import Junction
from journey_engine.define.plan import (
    END,
    MILESTONE,
    JourneyPlan,
    StagePlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.errors import EndReason

_JUNCTION: Final = "junction"


def take(
    draft: Draft, journey: JourneyPlan, live: Live, transition: TransitionPlan, view: View
) -> None:
    """Take a transition, and what `always` and junctions add to it in the stage then entered."""
    _apply(draft, journey, live, transition, view)
    if transition.to is not None:
        settle_down(draft, journey, live, view)


def settle_down(draft: Draft, journey: JourneyPlan, live: Live, view: View) -> None:
    """Pass junctions and look at `always` in a stage just entered, until nothing holds (S3)."""
    steps = 0
    while live.ended is None:
        stage = journey.stages[live.stage]
        if stage.junction is None and not stage.always:
            return
        here = view.within(live.context, live.entered_at, live.stage_entered_at)
        if stage.junction is not None:
            if steps == MICROSTEPS_MAX:
                end(draft, journey, view.moment, live, EndReason.LOOP, _JUNCTION)
                return
            steps += 1
            _pass(draft, journey, live, stage.junction, here)
            continue
        chosen = _first_always(draft, journey, live, stage, here)
        if chosen is None:
            return
        if steps == MICROSTEPS_MAX:
            end(draft, journey, view.moment, live, EndReason.LOOP, chosen.trigger.value)
            return
        steps += 1
        _apply(draft, journey, live, chosen, here)
        if chosen.to is None:
            return


def _pass(draft: Draft, journey: JourneyPlan, live: Live, junction: Junction, view: View) -> None:
    """Leave a junction, which has no actions of its own (rules J1, J2)."""
    way = junctions.way(draft, live, junction, view)
    live.drawn = way.experiment
    if way.to == END:
        moment = view.moment
        end(draft, journey, moment, live, EndReason.COMPLETED, way.trigger, way.outcome)
    else:
        enter(draft, journey, live, way.to, view, way.trigger)
    live.drawn = None


def _first_always(
    draft: Draft, journey: JourneyPlan, live: Live, stage: StagePlan, view: View
) -> TransitionPlan | None:
    for transition in stage.always:
        answer = ask(draft, journey.name, transition.when, view)
        look(draft, "always", live, transition, answer, view)
        if answer is Answer.TRUE:
            return transition
    return None


def look(
    draft: Draft, what: str, live: Live, transition: TransitionPlan, answer: Answer, view: View
) -> None:
    """Trace that a transition was looked at."""
    note(draft, what, live.journey, live.key, transition, answer, view)


def _apply(
    draft: Draft, journey: JourneyPlan, live: Live, transition: TransitionPlan, view: View
) -> None:
    moment, before = view.moment, live.context
    if transition.remember:
        remember(draft, live, transition.remember, view)
    if transition.to is None:
        waits.context_changed(draft, live, journey.stages[live.stage], view, before)
        queue(draft, journey, live, transition.actions, view)
        return
    # First, so that what leaving itself sends is not taken back by it.
    cancels.at_leave(draft, live, moment.origin or live.cause)
    queue(draft, journey, live, journey.stages[live.stage].on_exit, view)
    queue(draft, journey, live, transition.actions, view)
    if transition.trigger is Trigger.EVENT:
        trigger = moment.name if moment.name in transition.types else MILESTONE
    else:
        trigger = transition.trigger.value
    if transition.to == END:
        end(draft, journey, moment, live, EndReason.COMPLETED, trigger, transition.outcome)
    else:
        enter(draft, journey, live, transition.to, view, trigger)


def enter(
    draft: Draft,
    journey: JourneyPlan,
    live: Live,
    name: str,
    view: View,
    trigger: str,
    *,
    first: bool = False,
) -> None:
    """Put the instance into a stage: timers new, visit + 1, `on_enter` asked for (rule S5)."""
    moment = view.moment
    stage = journey.stages.get(name)
    if stage is None:
        end(draft, journey, moment, live, EndReason.QUARANTINED, trigger)
        return
    before = None if first else live.stage
    live.stage = name
    live.stage_entered_at = moment.at
    live.visits = {**live.visits, name: live.visits.get(name, 0) + 1}
    live.runs = {}
    if live.patterns:
        live.patterns = matching.lasting(journey, live.patterns)
    if moment.origin is not None:
        live.cause = moment.origin
    _record(draft, moment, live, name, trigger, stage.macro_stage, before=before)
    _stand(draft, MacroStage(stage.macro_stage, moment.at, journey.priority))
    queue(draft, journey, live, stage.on_enter, view)
    # Last, for waits may count from what was asked for just now.
    waits.arm(draft, journey, live, stage, view)


def end(
    draft: Draft,
    journey: JourneyPlan,
    moment: Moment,
    live: Live,
    reason: EndReason,
    trigger: str,
    label: str | None = None,
) -> None:
    """End the instance: its timers go with it; what it has out is taken back (S8, A7)."""
    live.ended = reason
    live.timers = []
    stage = journey.stages.get(live.stage)
    macro = None if stage is None else stage.macro_stage
    _record(
        draft, moment, live, None, trigger, macro, before=live.stage, reason=reason, label=label
    )
    if reason is not EndReason.MERGED:
        # What re-entry remembers is never that of an older version (rule V1).
        newest = draft.plan.by_name.get(journey.name, journey)
        memory.note_end(draft, newest, live.key, moment.at)
    if reason is EndReason.COMPLETED:
        waiting.outlive(draft, live)
    else:
        cancels.at_end(draft, live, moment.origin or live.cause)
    cancels.keep_open(draft, live)
    if journey.name in draft.plan.holds:
        waiting.lift(draft, moment)


def moved(
    draft: Draft, journey: JourneyPlan, moment: Moment, live: Live, before: str, trigger: str
) -> None:
    """Record that the instance stands in a stage without having entered it (rule V1)."""
    macro = journey.stages[live.stage].macro_stage
    _record(draft, moment, live, live.stage, trigger, macro, before=before)
    _stand(draft, MacroStage(macro, moment.at, journey.priority))


def reach(
    draft: Draft, moment: Moment, live: Live, stage: StagePlan, milestones: list[str]
) -> None:
    """Record milestones reached for the first time (rule I5)."""
    live.milestones = [*live.milestones, *milestones]
    for name in milestones:
        _record(
            draft,
            moment,
            live,
            live.stage,
            moment.name,
            stage.macro_stage,
            before=live.stage,
            milestone=name,
        )


def queue(
    draft: Draft, journey: JourneyPlan, live: Live, actions: tuple[Action, ...], view: View
) -> None:
    """Ask for actions: they become candidates of this instant."""
    if not actions:
        return
    moment = view.moment
    here = view.within(live.context, live.entered_at, live.stage_entered_at)
    visit = live.visit
    for action in actions:
        run = live.runs.get(action.id, 0) + 1
        live.runs = {**live.runs, action.id: run}
        place = Pending(
            moment.at + action.delay,
            live.journey,
            live.version,
            live.key,
            live.entry_no,
            live.stage,
            visit,
            run,
            action.id,
            draft.now,
            moment.origin or live.cause,
            live.context,
            live.entered_at,
            live.stage_entered_at,
            exposure=live.exposure,
            milestones=live.milestones,
        )
        draft.candidates.append(Candidate(journey, action, place, here, fresh=True))


def remember(
    draft: Draft, live: Live, fields: tuple[tuple[str, Expression], ...], view: View
) -> None:
    """Write the instance's context, within its bounds (rule I4)."""
    if fields:
        keep(draft, live, values_of(draft, live.journey, fields, view))


def values_of(
    draft: Draft, journey: str, fields: tuple[tuple[str, Expression], ...], view: View
) -> dict[str, Value]:
    """The values of a `remember`, without those that have none."""
    values = {}
    for name, expression in fields:
        try:
            values[name] = expression.evaluate(view)
        except (EvaluationError, Warming) as error:
            draft.out.guard_errors.append((journey, f"{expression.text}: {error}"))
    return values


def length_of(context: dict[str, Value]) -> int:
    """About how many bytes a context takes."""
    return sum(len(name) + length(value) for name, value in context.items())


def keep(draft: Draft, live: Live, values: dict[str, Value]) -> None:
    """Add values to the instance's context, unless that exceeds its bounds."""
    context = {**live.context, **values}
    size = length_of(context)
    draft.heavy = draft.heavy or size > LONG
    if len(context) > CONTEXT_FIELDS_MAX or size > CONTEXT_BYTES_MAX:
        draft.drop("context")
        return
    live.context = context


def _record(  # noqa: PLR0913 - the parts of a record
    draft: Draft,
    moment: Moment,
    live: Live,
    to: str | None,
    trigger: str,
    macro: str | None,
    *,
    before: str | None = None,
    reason: EndReason | None = None,
    label: str | None = None,
    milestone: str | None = None,
) -> None:
    draft.out.transitions.append(
        Transition(
            draft.customer_id,
            draft.anonymous_id,
            live.journey,
            live.version,
            live.key,
            live.entry_no,
            before,
            to,
            trigger,
            reason,
            label,
            moment.at,
            draft.now,
            moment.due_at,
            macro,
            moment.origin or live.cause,
            None,
            live.drawn,
            milestone,
            account_id=draft.account_id,
        )
    )


def _stand(draft: Draft, stage: MacroStage) -> None:
    """The customer's macro-stage is that of the latest transition, tie by priority (K4)."""
    last = draft.macro
    if last is not None and (stage.at, stage.priority) < (last.at, last.priority):
        return
    draft.macro = stage
    if last is None or last.stage != stage.stage:
        draft.macro_history = [*draft.macro_history, stage][-MACRO_HISTORY_MAX:]
