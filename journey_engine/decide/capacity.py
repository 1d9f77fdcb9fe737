"""A candidate that needs room on a channel (rule C6): the side of the customer.

Theory of operation. Where the channel that was chosen has a capacity, `has_room` lets a candidate
pass only with a grant. Without one it sends a request to the owner of the channel's room and waits,
as `DEFERRED` for `CAPACITY`, until it expires. A grant makes it a candidate again, through all of
the pipeline (`answers`); if it does not end in a command on that channel then, the grant is given
back. Whatever else ends the wait withdraws the request (`outcomes.settle`): one that is over, or
refused, ends `CAPACITY` in the pipeline, so that its instance may move on (rule C9).
"""

from msgspec.structs import replace

from journey_engine.decide import contests, ids, outcomes, waiting
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft
from journey_engine.decide.message import CHANNEL, CapacityAsked
from journey_engine.decide.state import CAPACITY_WAIT_MAX_MS, PENDING_MAX
from journey_engine.errors import DeferredCause


def has_room(draft: Draft, case: Case, channel: str) -> bool:
    """C1 (6): whether the candidate may become a command on the channel; else it waits for room."""
    plan = draft.plan.channels.get(channel)
    if plan is None or plan.capacity is None:
        return True
    if draft.granted == channel:
        draft.granted = ""  # one grant is for one command
        case.trace.append(f"{channel} has room")
        return True
    place, expires = case.candidate.place, case.candidate.action.expires
    if expires is None:
        expires = plan.expires
    until = place.asked_at + (CAPACITY_WAIT_MAX_MS if expires is None else expires)
    until = max(until, draft.now) + 1
    case.trace.append(f"{channel} asked for room")
    if len(draft.pending) < PENDING_MAX:
        _ask(draft, case, channel, until)
    waiting.defer(draft, case, until, DeferredCause.CAPACITY)
    return False


def _ask(draft: Draft, case: Case, channel: str, until: int) -> None:
    candidate = case.candidate
    place = candidate.place
    command = outcomes.id_of(draft, place)
    request = ids.message_id(command, f"{channel}/{draft.now}")
    candidate.place = replace(place, request=request, room=channel)
    asked = CapacityAsked(
        target=CHANNEL + channel,
        id=request,
        at=draft.now,
        origin=place.cause,
        sender=draft.key,
        command_id=command,
        score=1.0 if case.ranked is None else case.ranked.score,
        priority=contests.priority(candidate.journey, candidate.action),
        due=place.due,
        until=until,
    )
    draft.tell(asked)
