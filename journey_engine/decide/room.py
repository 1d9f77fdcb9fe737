"""Who gets the room of a channel (rule C6): the side of the partition that owns it.

A channel takes `most` commands in any time of `per`. A grant takes up room until it is used or
given back; one that was used takes it up for `per` from when its command was written. Nobody
writes a command on a grant before the clock at which it was given (messages move clocks), so
however far the clocks of partitions lie apart, no window holds more commands than `most`.

Requests that find no room wait, by (score, priority, due, command_id), the highest score and
priority first. Those ranked behind `WAITING_MAX` others are refused. A use is remembered until the
end of its part of the window, of which there are `ROOM_PARTS`: so the memory has a bound, and one
finds at most that much less room.
"""

from typing import Final

from journey_engine.decide import ids
from journey_engine.decide.event import Origin
from journey_engine.decide.message import (
    CapacityAsked,
    CapacityGranted,
    CapacityRefused,
    CapacityReleased,
    CapacityUsed,
    Message,
)
from journey_engine.decide.room_state import (
    OUTSTANDING_MAX,
    ROOM_PARTS,
    WAITING_MAX,
    ChannelState,
    Waiting,
)
from journey_engine.define.plan import Plan
from journey_engine.define.policy_plan import Capacity

_BY_TIMER: Final = Origin("", "", -1, -1)
"""Of a grant that came with time: no input caused it."""


class RoomDecision:
    """What becomes of a channel's state, and the answers."""

    __slots__ = ("messages", "state")

    def __init__(self, state: ChannelState, messages: list[Message]) -> None:
        self.state = state
        self.messages = messages


class _Room:
    """A channel's state in the making."""

    __slots__ = ("answers", "at", "channel", "granted", "origin", "used", "waiting")

    def __init__(self, channel: str, state: ChannelState, origin: Origin, at: int) -> None:
        self.channel = channel
        self.origin = origin
        self.at = at
        self.used = [one for one in state.used if one[0] > at]
        self.granted = state.granted
        self.waiting = state.waiting
        self.answers: list[Message] = []

    def taken_up(self) -> int:
        """How much room is taken up now."""
        return len(self.granted) + sum(count for _, count in self.used)


def decide_room(
    plan: Plan, key: str, state: ChannelState, message: Message | None, now: int
) -> RoomDecision:
    """Decide what a message, or None: the passing of time, does to a channel's room; never raises.

    `key` is the state's, `now` the partition's clock in milliseconds.
    """
    channel = key[2:]
    room = _Room(channel, state, _BY_TIMER if message is None else message.origin, now)
    known = plan.channels.get(channel)
    capacity = None if known is None else known.capacity
    if isinstance(message, CapacityAsked):
        _ask(room, message)
    elif isinstance(message, CapacityUsed):
        _use(room, message, capacity)
    elif isinstance(message, CapacityReleased):
        _release(room, message.request)
    _grant(room, capacity)
    return RoomDecision(ChannelState(room.used, room.granted, room.waiting), room.answers)


def _ask(room: _Room, asked: CapacityAsked) -> None:
    known = [one.request for one in room.waiting]
    if asked.id in room.granted or asked.id in known:
        return
    one = Waiting(
        asked.id,
        asked.sender,
        asked.command_id,
        asked.score,
        asked.priority,
        asked.due,
        asked.until,
    )
    waiting = [other for other in room.waiting if other.until > room.at]
    waiting.append(one)
    waiting.sort(key=_rank)
    for last in waiting[WAITING_MAX:]:
        room.answers.append(
            CapacityRefused(
                last.sender,
                ids.message_id(last.request, "refused"),
                room.at,
                room.origin,
                room.channel,
                last.request,
            )
        )
    room.waiting = waiting[:WAITING_MAX]


def _rank(one: Waiting) -> tuple[float, int, int, str]:
    return (-one.score, -one.priority, one.due, one.command_id)


def _use(room: _Room, used: CapacityUsed, capacity: Capacity | None) -> None:
    if used.request not in room.granted:
        return
    room.granted = [one for one in room.granted if one != used.request]
    if capacity is None:
        return
    part = max(1, capacity.per // ROOM_PARTS) if capacity.most > ROOM_PARTS else 1
    until = -(-used.at // part) * part + capacity.per
    counts = dict(room.used)
    counts[until] = counts.get(until, 0) + 1
    room.used = [one for one in sorted(counts.items()) if one[0] > room.at]


def _release(room: _Room, request: str) -> None:
    if request in room.granted:
        room.granted = [one for one in room.granted if one != request]
    else:
        room.waiting = [one for one in room.waiting if one.request != request]


def _grant(room: _Room, capacity: Capacity | None) -> None:
    """Give what room there is to those who wait; a channel without capacity has room for all."""
    free = OUTSTANDING_MAX - len(room.granted)
    if capacity is not None:
        free = min(free, capacity.most - room.taken_up())
    waiting = []
    for one in room.waiting:
        if one.until <= room.at:
            continue  # its customer has refused it
        if free <= 0:
            waiting.append(one)
            continue
        free -= 1
        room.granted = [*room.granted, one.request]
        room.answers.append(
            CapacityGranted(
                one.sender,
                ids.message_id(one.request, "granted"),
                room.at,
                room.origin,
                room.channel,
                one.request,
            )
        )
    room.waiting = waiting
