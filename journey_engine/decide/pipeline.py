"""The pipeline: from a candidate to its command, or to why there is none (section C).

Theory of operation. The candidates of one instant are decided together, in the order of rule C1:
each is drawn for holdouts (1), then asked whether it stands (2): `when`, `expires`, its `delay`,
holds. Those that stand are ranked. By rank each is asked for a theme that it contradicts (3) and
for an open channel (4); then, by rank again, the first channel that its caps allow is taken (5),
(6) its capacity, (7) the command. What waits is asked all of this anew at its release, from (2)
on. Instances that leave a stage because of what came of a send do so at the end of the round;
what they ask for is decided in a further round of the same instant. Each candidate ends in
exactly one final outcome (law 7): a command written is `SENT`, also where a CANCEL takes it back
later. Where it is refused, the last line of its trace is the rule that did it.
"""

from journey_engine.decide import (
    asking,
    capacity,
    caps,
    collecting,
    commands,
    history,
    holdouts,
    holds,
    identity,
    openings,
    operations,
    ranking,
    suppressed,
    themes,
    waiting,
)
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.scope import Answer, Moment, ask
from journey_engine.decide.state import Contact
from journey_engine.decide.trace import Step
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.expression import Expression
from journey_engine.errors import CandidateOutcome, DeferredCause

_NO_ROOM, _TOO_MANY = "no room in time", "too many wait for the channel"


def decide_all(draft: Draft, moment: Moment) -> None:
    """Decide the candidates of one instant, after all its transitions (section C)."""
    before = draft.contact
    moved: dict[tuple[str, int], int] = {}
    while draft.candidates:
        candidates, draft.candidates = draft.candidates, []
        cases = [Case(draft, candidate) for candidate in candidates]
        _round(draft, moment, cases, before)
        suppressed.move(draft, moment, cases, moved)


def _round(draft: Draft, moment: Moment, cases: list[Case], before: Contact) -> None:
    standing = [case for case in cases if _stands(draft, moment, case)]
    above: set[str] = set()
    open_ = [
        case
        for case in ranking.in_order(draft, standing)
        if _is_consistent(draft, case, above) and _opens(draft, moment, case)
    ]
    for case in open_:
        _take(draft, moment, case, before)


def _stands(draft: Draft, moment: Moment, case: Case) -> bool:
    """C1 (1) and (2)."""
    candidate = case.candidate
    mine = draft.account_id is None
    if (
        mine
        and candidate.fresh
        and case.purpose.holdouts
        and holdouts.holds_out(draft, case, moment.at)
    ):
        case.settle(draft, CandidateOutcome.HOLDOUT)
        return False
    outcome = _standing(draft, candidate, case.trace)
    if outcome is not None:
        case.settle(draft, outcome)
        return False
    if candidate.fresh and candidate.action.delay > 0:
        case.trace.append("delay")
        waiting.defer(draft, case, candidate.place.due, DeferredCause.DELAY)
        return False
    return not _is_kept_back(draft, case)


def _is_kept_back(draft: Draft, case: Case) -> bool:
    """Whether a pause, an identity that is not known yet or a hold keeps it back."""
    if draft.plan.operations and operations.keeps_back(draft, case):
        return True
    if draft.identity is not None and identity.keeps_back(draft, case):
        return True
    if draft.plan.holds and _is_held(draft, case):
        return True
    return draft.account_id is not None and _is_for_members(draft, case)


def _is_for_members(draft: Draft, case: Case) -> bool:
    """An account's action for members is theirs to decide from here on (rule M3)."""
    to = case.candidate.action.to
    if to is None:
        return False
    refused = asking.ask(draft, case.candidate, to)
    if refused is not None:
        outcome, why = refused
        case.trace.append(why)
        case.settle(draft, outcome)
    return True


def _standing(draft: Draft, candidate: Candidate, trace: list[str]) -> CandidateOutcome | None:
    """Why the candidate falls by its own words, None if it stands."""
    action = candidate.action
    if candidate.place.request:
        trace.append(_NO_ROOM if candidate.place.room else _TOO_MANY)
        return CandidateOutcome.CAPACITY
    if action.when is not None:
        answer = ask(draft, candidate.journey.name, action.when, candidate.scope)
        trace.append(f"when {answer.value}")
        draft.out.trace.append(_asked(candidate, action.when, answer))
        if answer is Answer.ERROR:
            return CandidateOutcome.GUARD_ERROR
        if answer is not Answer.TRUE:
            return CandidateOutcome.GUARD_FALSE
    if commands.expired(candidate, action.expires, draft.now):
        trace.append("expires passed")
        return CandidateOutcome.EXPIRED
    return None


def _asked(candidate: Candidate, when: Expression, answer: Answer) -> Step:
    name, key = candidate.journey.name, candidate.place.key
    return Step("send", name, key, candidate.action.id, answer.value, when.reads, candidate.scope)


def _is_held(draft: Draft, case: Case) -> bool:
    """Rule C8."""
    held = holds.held(draft, case)
    if held is None:
        return False
    case.trace.append(f"held by {held.journey}")
    if held.drop:
        case.settle(draft, CandidateOutcome.HELD)
        return True
    expires = case.candidate.action.expires
    until = held.until
    if expires is not None:
        until = min(until, max(case.candidate.place.asked_at + expires, case.clock) + 1)
    waiting.defer(draft, case, until, DeferredCause.HELD)
    return True


def _is_consistent(draft: Draft, case: Case, above: set[str]) -> bool:
    """C1 (3)."""
    if not draft.plan.policy.conflicts:
        return True
    conflict = themes.conflict(draft, case, above)
    if conflict is None:
        return True
    case.trace.append(conflict)
    case.settle(draft, CandidateOutcome.THEME_CONFLICT)
    return False


def _opens(draft: Draft, moment: Moment, case: Case) -> bool:
    """C1 (4): find the first open channel."""
    if openings.advance(draft, case) is not None:
        return True
    if case.opening is not None:
        slot = collecting.slot_of(draft, case, moment)
        waiting.defer(draft, case, case.opening, DeferredCause.QUIET_HOURS, slot)
    else:
        case.settle(draft, openings.refusal(case))
    return False


def _take(draft: Draft, moment: Moment, case: Case, before: Contact) -> None:
    """C1 (5) to (7)."""
    rule = collecting.collected(case)
    if rule is not None:
        due = collecting.waits_until(draft, case, rule, moment)
        if due is not None:
            _collect(draft, case, due, CandidateOutcome.EXPIRED)
            return
        purpose = case.candidate.journey.purpose
        collecting.open_slot(draft, purpose, case.candidate.place.slot or moment.at)
        if collecting.won(draft, purpose) >= rule.winners:
            case.trace.append(f"slot: {rule.winners} of {rule.winners} taken")
            _lose(draft, moment, case)
            return
    possible = False
    while case.channel is not None:
        if caps.allow(draft, case, case.channel):
            _send(draft, case, case.channel)
            return
        possible = possible or caps.allowed(draft, case, case.channel, before)
        openings.advance(draft, case)
    if possible:
        _lose(draft, moment, case)
    else:
        case.settle(draft, CandidateOutcome.CAP_REACHED)


def _lose(draft: Draft, moment: Moment, case: Case) -> None:
    """What ranks above it leaves no room for it: not now, or, where losers go on, not here."""
    rule = collecting.collected(case)
    due = None
    if rule is not None and rule.defer_losers:
        due = collecting.next_slot(draft, rule, moment.at)
    if due is None:
        case.settle(draft, CandidateOutcome.LOWER_PRIORITY)
    else:
        _collect(draft, case, due, CandidateOutcome.LOWER_PRIORITY)


def _collect(draft: Draft, case: Case, due: int, late: CandidateOutcome) -> None:
    """Let it wait for its slot, unless it would be too late then."""
    last = openings.last_moment(draft, case)
    if last is not None and due > last:
        case.trace.append("the slot comes after expires")
        case.settle(draft, late)
    else:
        waiting.defer(draft, case, due, DeferredCause.ARBITRATION)


def _send(draft: Draft, case: Case, channel: str) -> None:
    """C1 (6) and (7): the command, which counts from now on. Who waits for room has won."""
    candidate = case.candidate
    collected = collecting.collected(case) is not None
    case.trace.append(f"{channel} chosen")
    if not capacity.has_room(draft, case, channel):
        if collected and case.outcome is CandidateOutcome.DEFERRED:
            collecting.win(draft, candidate.journey.purpose)
        return
    outcome = commands.write(draft, candidate, channel, case.trace)
    if outcome is not CandidateOutcome.SENT:
        case.settle(draft, outcome)
        return
    written = draft.out.commands[-1]
    case.settle(draft, outcome, written)
    waiting.supersede(draft, candidate)
    if candidate.action.kind is ActionKind.SEND:
        kind = (channel, candidate.journey.purpose, candidate.action.theme)
        history.count(draft, written.command_id, kind, draft.now)
        if collected:
            collecting.win(draft, candidate.journey.purpose)
