"""What a message from another partition does to a customer (rule T1): one kind, one function.

A message that means nothing any more, as a grant for a candidate that has fallen, or one that came
before, changes nothing here; where its sender still counts on something, it is told.
"""

from msgspec.structs import replace

from journey_engine.decide import (
    accounts,
    asked,
    erasure,
    identity,
    ids,
    pipeline,
    waiting,
)
from journey_engine.decide.draft import Draft
from journey_engine.decide.message import (
    CHANNEL,
    AliasErased,
    CapacityGranted,
    CapacityRefused,
    CapacityReleased,
    CapacityUsed,
    IdentityAsked,
    MemberJoined,
    MemberLeft,
    Message,
    OfAccount,
    SendAsked,
    SendSettled,
    SendWithdrawn,
)
from journey_engine.decide.scope import Moment
from journey_engine.decide.state import Pending
from journey_engine.errors import InputOutcome


def take(draft: Draft, message: Message) -> InputOutcome:
    """Let the message act on the customer."""
    if isinstance(message, IdentityAsked):
        identity.hand_over(draft, message)
        return InputOutcome.APPLIED
    if isinstance(message, AliasErased):
        return _erased(draft, message)
    if isinstance(message, OfAccount):
        return _of_account(draft, message)
    if identity.pass_on(draft, message):
        return InputOutcome.MERGED
    if isinstance(message, CapacityGranted):
        _granted(draft, message)
    elif isinstance(message, CapacityRefused):
        _refused(draft, message)
    else:
        return InputOutcome.IGNORED
    draft.fold()
    return InputOutcome.APPLIED


def _of_account(draft: Draft, message: Message) -> InputOutcome:
    """What an account and its members say to each other (rule M3)."""
    if isinstance(message, SendAsked):
        return asked.take(draft, message)
    if isinstance(message, SendSettled):
        return asked.settled(draft, message)
    if isinstance(message, MemberJoined | MemberLeft):
        accounts.count_member(draft, message)
    elif isinstance(message, SendWithdrawn):
        asked.withdrawn(draft, message)
    return InputOutcome.APPLIED


def _erased(draft: Draft, message: AliasErased) -> InputOutcome:
    """The customer whose alias this visitor is was erased (rule M4)."""
    known = draft.identity
    if known is None or known.alias_of != message.customer:
        return InputOutcome.IGNORED
    erasure.erase(draft, Moment(draft, message.erased_at), message.origin)
    return InputOutcome.APPLIED


def _granted(draft: Draft, message: CapacityGranted) -> None:
    """There is room: the candidate is decided anew, from C1 (2)."""
    place = _waiting(draft, message.request)
    before = len(draft.out.commands)
    if place is not None:
        draft.granted = message.channel
        moment = Moment(draft, draft.now)
        waiting.release(draft, moment, replace(place, due=moment.at, request="", room=""))
        pipeline.decide_all(draft, moment)
        draft.granted = ""
    written = [
        one
        for one in draft.out.commands[before:]
        if one.channel == message.channel and one.cancels is None
    ]
    kind, what = (CapacityUsed, "used") if written else (CapacityReleased, "released")
    draft.tell(
        kind(
            CHANNEL + message.channel,
            ids.message_id(message.request, what),
            draft.now,
            message.origin,
            message.request,
        )
    )


def _refused(draft: Draft, message: CapacityRefused) -> None:
    """Too many wait for the channel already."""
    place = _waiting(draft, message.request)
    if place is not None:
        moment = Moment(draft, draft.now)
        waiting.release(draft, moment, replace(place, due=moment.at, room=""))
        pipeline.decide_all(draft, moment)


def _waiting(draft: Draft, request: str) -> Pending | None:
    """Take the candidate with this request from those that wait."""
    for place in draft.pending:
        if place.request == request:
            draft.pending = [one for one in draft.pending if one is not place]
            return place
    return None
