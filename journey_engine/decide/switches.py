"""Exits that lead into another journey (rule I6).

Theory of operation. The instance ends where its exit matched, with all that an end takes back. When
every live instance has seen the event, those that switch enter, in the order of their ends and
before any entry clause: so whether a journey takes them does not depend on the order of journeys.
The other journey's entry guard is not asked, its key, re-entry rules and limits are. The record of
the end says what became of it.
"""

from msgspec.structs import replace

from journey_engine.decide import entries
from journey_engine.decide.draft import Draft, Leaving
from journey_engine.decide.event import Origin
from journey_engine.decide.scope import Moment, View, key_text
from journey_engine.decide.trace import Step
from journey_engine.define.expression import EvaluationError, Warming
from journey_engine.define.plan import SwitchPlan
from journey_engine.errors import EndReason, EntryOutcome


def carry_out(draft: Draft, moment: Moment, origin: Origin) -> None:
    """Let those enter whose exit leads into another journey."""
    leaving, draft.leaving = draft.leaving, []
    for one in leaving:
        outcome = EntryOutcome.LATE if one.late else _enter(draft, moment, one, origin)
        draft.out.entries.append((one.switch.to, outcome))
        draft.out.trace.append(Step("switch", one.switch.to, None, one.exit.text, outcome.value))
        entered = outcome is EntryOutcome.ENTERED
        record = draft.out.transitions[one.record]
        draft.out.transitions[one.record] = replace(
            record,
            end=EndReason.SWITCHED if entered and record.end is EndReason.EXIT else record.end,
            switch_to=one.switch.to,
            refused=None if entered else outcome,
        )


def _enter(draft: Draft, moment: Moment, one: Leaving, origin: Origin) -> EntryOutcome:
    view = View(moment, one.journey, one.instance)
    view.reached = one.reached
    journey = draft.plan.by_name.get(one.switch.to)
    if journey is None:
        return EntryOutcome.CLOSED
    key = None
    if journey.keyed:
        key = _key(draft, one.switch, view, journey.name)
        if key is None:
            return EntryOutcome.NO_KEY
    return entries.admit(draft, journey, key, one.switch.context, view, origin)


def _key(draft: Draft, switch: SwitchPlan, view: View, journey: str) -> str | None:
    if switch.key is None:
        return None
    try:
        return key_text(switch.key.evaluate(view))
    except (EvaluationError, Warming) as error:
        draft.out.guard_errors.append((journey, f"{switch.key.text}: {error}"))
        return None
