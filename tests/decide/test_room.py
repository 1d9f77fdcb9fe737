"""Rule C6 from the owner's side: who gets a channel's room, and when it is free again."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

from journey_engine.decide.event import Origin
from journey_engine.decide.message import (
    CapacityAsked,
    CapacityGranted,
    CapacityRefused,
    CapacityReleased,
    CapacityUsed,
    Message,
)
from journey_engine.decide.room import decide_room
from journey_engine.decide.room_state import (
    EMPTY_CHANNEL,
    OUTSTANDING_MAX,
    ROOM_PARTS,
    WAITING_MAX,
)
from journey_engine.define.plan import ChannelPlan
from journey_engine.define.policy_plan import Capacity
from tests.decide.plans import DAY, HOUR, MINUTE, T0, plan

CHANNEL = "n:email"
WHY = Origin("e", "interactions.web.v1", 0, 1)


def request(number: int) -> str:
    return str(UUID(int=number))


class Room:
    """The owner's state, told message by message; keeps what it answered."""

    def __init__(self, most: int | None, per: int = HOUR) -> None:
        room = None if most is None else Capacity(most, per)
        self.plan = plan(channels=[ChannelPlan("email", "commands.email.v1", capacity=room)])
        self.state = EMPTY_CHANNEL
        self.answers: list[Any] = []

    def take(self, message: Message | None, at: int) -> list[tuple[str, int]]:
        """What is answered, and to which requests."""
        decided = decide_room(self.plan, CHANNEL, self.state, message, T0 + at)
        self.state = decided.state
        self.answers += decided.messages
        return [(type(one).__name__[8:], UUID(one.request).int) for one in decided.messages]  # type: ignore[attr-defined]  # all answers have one

    def ask(self, number: int, at: int, **more: Any) -> list[tuple[str, int]]:
        said = {"score": 1.0, "priority": 0, "due": T0, "until": T0 + DAY, **more}
        asked = CapacityAsked(
            CHANNEL, request(number), T0 + at, WHY, f"c:{number}", f"command-{number:05}", **said
        )
        return self.take(asked, at)

    def use(self, number: int, at: int) -> list[tuple[str, int]]:
        return self.take(CapacityUsed(CHANNEL, "m", T0 + at, WHY, request(number)), at)

    def release(self, number: int, at: int) -> list[tuple[str, int]]:
        return self.take(CapacityReleased(CHANNEL, "m", T0 + at, WHY, request(number)), at)


def test_c6_there_is_as_much_room_as_the_channel_takes() -> None:
    room = Room(2)
    assert room.ask(1, 0) == [("Granted", 1)]
    assert room.ask(2, 0) == [("Granted", 2)]
    assert room.ask(3, 0) == []
    assert room.use(1, 1) == []
    assert room.release(2, 2) == [("Granted", 3)]


def test_c6_what_comes_free_at_once_is_given_to_as_many() -> None:
    room = Room(3)
    for number in range(1, 4):
        room.ask(number, 0)
        room.use(number, 0)
    for number in range(4, 9):
        assert room.ask(number, 1) == []
    assert room.take(None, HOUR - 1) == []
    assert room.take(None, HOUR) == [("Granted", 4), ("Granted", 5), ("Granted", 6)]


def test_c6_a_command_takes_up_room_for_the_window_and_no_longer() -> None:
    room = Room(1)
    room.ask(1, 0)
    room.use(1, MINUTE)
    assert room.ask(2, MINUTE) == []
    assert room.take(None, HOUR + MINUTE - 1) == []
    assert room.take(None, HOUR + MINUTE) == [("Granted", 2)]


def test_c6_of_a_wide_channel_a_use_counts_to_the_end_of_its_part_of_the_window() -> None:
    most, part = ROOM_PARTS + 1, HOUR // ROOM_PARTS
    room = Room(most)
    for number in range(most):
        room.ask(number, 1)
        room.use(number, 1)
    assert room.ask(most, 1) == []
    ends = -(-(T0 + 1) // part) * part + HOUR - T0
    assert [until - T0 for until, _ in room.state.used] == [ends]
    assert room.take(None, ends - 1) == []
    assert room.take(None, ends) == [("Granted", most)]


def test_c6_the_highest_score_is_first_then_priority_the_earliest_and_the_id() -> None:
    room = Room(1)
    room.ask(1, 0)
    others: list[dict[str, Any]] = [{}, {"due": T0 - 1}, {"priority": 1}, {"score": 2.0}]
    for number, more in enumerate([*others, {"score": 0.5}, {}], start=2):
        room.ask(number, 0, **more)
    order = []
    for number in (1, 5, 4, 3, 2, 7):
        order += room.release(number, 1)
    assert [number for _, number in order] == [5, 4, 3, 2, 7, 6]


def test_c6_who_asks_twice_is_asked_for_once() -> None:
    room = Room(1)
    room.ask(1, 0)
    assert room.ask(1, 0) == []
    room.ask(2, 0)
    room.ask(2, 0)
    assert len(room.state.waiting) == 1
    assert room.use(9, 0) == []
    assert (room.state.used, len(room.state.granted)) == ([], 1)


def test_c6_what_waited_too_long_gets_no_room() -> None:
    room = Room(1)
    room.ask(1, 0)
    room.ask(2, 0, until=T0 + MINUTE)
    room.ask(3, 0, until=T0 + MINUTE + 1)
    assert room.release(1, MINUTE) == [("Granted", 3)]
    assert room.state.waiting == []


def test_c6_a_channel_whose_capacity_is_gone_has_room_for_all() -> None:
    room = Room(1)
    for number in range(1, 4):
        room.ask(number, 0)
    room.plan = replace(room.plan, channels={})
    assert room.use(1, 1) == [("Granted", 2), ("Granted", 3)]
    assert room.state.used == []


def test_c6_what_waits_and_what_is_granted_is_bounded() -> None:
    room = Room(None)
    for number in range(OUTSTANDING_MAX):
        assert room.ask(number, 0) == [("Granted", number)]
    for number in range(OUTSTANDING_MAX, OUTSTANDING_MAX + WAITING_MAX):
        assert room.ask(number, 0) == []
    best = OUTSTANDING_MAX + WAITING_MAX
    assert room.ask(best, 0, score=2.0) == [("Refused", best - 1)]
    assert len(room.state.waiting) == WAITING_MAX
    assert room.release(0, 0) == [("Granted", best)]


def test_c6_an_answer_goes_to_who_asked_and_has_the_same_id_in_every_release() -> None:
    room = Room(1)
    room.ask(1, 0)
    for number in range(2, WAITING_MAX + 3):
        room.ask(number, 0)
    granted, refused = room.answers
    assert (type(granted), type(refused)) == (CapacityGranted, CapacityRefused)
    for answer, word in ((granted, "granted"), (refused, "refused")):
        asked = UUID(answer.request)
        assert answer.id == str(uuid5(asked, word))
        assert (answer.target, answer.channel) == (f"c:{asked.int}", "email")
        assert (answer.at, answer.origin) == (T0, WHY)
