"""Which channels a candidate may take now (rules C1 (4), C4): consent, reach, no quiet hours."""

from typing import Final

from journey_engine.decide import calendar, profile
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.define.action_plan import Action, ActionKind
from journey_engine.define.policy_plan import Quiet, QuietWindow
from journey_engine.errors import CandidateOutcome

_ROUNDS_MAX: Final = 64
"""Windows that follow on one another, until nobody would look for their end."""


def advance(draft: Draft, case: Case) -> str | None:
    """Look for the next open channel in the order of the list; None when there is no more."""
    candidate = case.candidate
    purpose, scope = candidate.journey.purpose, candidate.scope
    asks_consent = asks_reach = False
    if draft.account_id is None:  # what is about an account addresses nobody (rule M3)
        asks_consent, asks_reach = asks(candidate.action)
    case.channel = None
    while case.left and case.channel is None:
        channel = case.left.pop(0)
        case.tried.append(channel)
        if asks_consent and not scope.consent(purpose, channel):
            case.trace.append(f"{channel} no consent")
            continue
        if asks_reach and not scope.reachable(channel):
            case.trace.append(f"{channel} unreachable")
            case.trusted = True
            continue
        case.known = True
        if not _is_quiet(draft, case, channel):
            case.channel = channel
    return case.channel


def refusal(case: Case) -> CandidateOutcome:
    """Why no channel at all was open."""
    if case.known:
        return CandidateOutcome.QUIET_HOURS
    return CandidateOutcome.UNREACHABLE if case.trusted else CandidateOutcome.NO_CONSENT


def latest(draft: Draft, case: Case, channel: str) -> int | None:
    """The last moment at which a command on the channel is not too late; None for ever."""
    plan = draft.plan.channels.get(channel)
    expires = case.candidate.action.expires
    if expires is None and plan is not None:
        expires = plan.expires
    if expires is None:
        return None
    return case.candidate.place.asked_at + expires - (0 if plan is None else plan.hold)


def last_moment(draft: Draft, case: Case) -> int | None:
    """The last moment at which some channel of its list is not too late; None for ever."""
    last = [latest(draft, case, channel) for channel in case.candidate.action.channels]
    known = [one for one in last if one is not None]
    return max(known, default=None) if len(known) == len(last) else None


def asks(action: Action) -> tuple[bool, bool]:
    """Whether an action needs consent, and whether it needs an address. A ROUTE answers whoever is
    there; an audience has no address, and nobody is kept in one for want of consent.
    """
    if action.kind is ActionKind.ROUTE:
        return False, False
    if action.kind is ActionKind.SYNC:
        return action.op != "remove", False
    return True, True


def _is_quiet(draft: Draft, case: Case, channel: str) -> bool:
    """Whether quiet hours close the channel; it is noted when they end in time."""
    windows = draft.plan.policy.quiet
    purpose = case.purpose
    if (
        not windows
        or purpose.quiet is Quiet.IGNORE
        or case.candidate.action.kind is not ActionKind.SEND
    ):
        return False
    mine = [one for one in windows if _applies(one, channel, case.candidate.journey.purpose)]
    opening = _opening(draft, case.clock, mine) if mine else case.clock
    if opening == case.clock:
        return False
    case.trace.append(f"{channel} quiet hours")
    if opening is not None and purpose.quiet is Quiet.DEFER:
        last = latest(draft, case, channel)
        if last is not None and opening > last:
            case.trace.append(f"{channel} opens after expires")
        elif case.opening is None or opening < case.opening:
            case.opening = opening
    return True


def _applies(window: QuietWindow, channel: str, purpose: str) -> bool:
    return (window.channels is None or channel in window.channels) and (
        window.purposes is None or purpose in window.purposes
    )


def _opening(draft: Draft, at: int, windows: list[QuietWindow]) -> int | None:
    """The first moment from `at` on that lies in none of the windows; None if it is too far."""
    zone = profile.zone_of(draft.plan, draft.traits, at)
    for _ in range(_ROUNDS_MAX):
        before = at
        for one in windows:
            at = calendar.next_opening(at, one.start, one.end, zone, one.weekdays)
        if at == before or len(windows) == 1:
            return at
    return None
