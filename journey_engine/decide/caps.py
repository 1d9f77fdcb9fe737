"""Frequency caps (rule C3): which cap, if any, leaves no room on a channel."""

from typing import Final

from journey_engine.decide import calendar, history, profile
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.state import Contact
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.policy_plan import CapPlan, Period

_KINDS: Final = frozenset({ActionKind.SEND, ActionKind.SHOW})


def allow(draft: Draft, case: Case, channel: str) -> bool:
    """Whether all caps that its purpose obeys have room; the numbers go to the trace."""
    told = []
    for cap in _obeyed(case):
        if cap.channels is None or channel in cap.channels:
            count = _count(draft, draft.contact, cap)
            told.append(f"{channel} cap {cap.name}: {count} of {cap.max}")
            if count >= cap.max:
                case.trace.append(told[-1])
                return False
    case.trace.extend(told)
    return True


def allowed(draft: Draft, case: Case, channel: str, contact: Contact) -> bool:
    """Whether they had room with that history."""
    return all(
        _count(draft, contact, cap) < cap.max
        for cap in _obeyed(case)
        if cap.channels is None or channel in cap.channels
    )


def _obeyed(case: Case) -> tuple[CapPlan, ...]:
    """A ROUTE, a TASK and a SYNC are no messages to the customer."""
    return case.purpose.obeys if case.candidate.action.kind in _KINDS else ()


def _count(draft: Draft, contact: Contact, cap: CapPlan) -> int:
    since = _since(draft, cap)
    kinds = {
        place
        for place, (channel, purpose, _) in enumerate(contact.kinds)
        if purpose in cap.counted and (cap.channels is None or channel in cap.channels)
    }
    count = history.used(contact, kinds, since) if kinds else 0
    # What went over the bound may have counted: rather one too few than one too many.
    return max(count, cap.max) if contact.lost > since else count


def _since(draft: Draft, cap: CapPlan) -> int:
    """What was written after this counts."""
    now = draft.now
    if cap.period is Period.ROLLING:
        return now - cap.length
    zone = profile.zone_of(draft.plan, draft.traits, now)
    if cap.period is Period.DAY:
        return calendar.local_day_start(now, zone) - 1
    if cap.period is Period.WEEK:
        return calendar.local_week_start(now, zone) - 1
    return calendar.local_month_start(now, zone) - 1
