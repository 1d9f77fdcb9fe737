"""What is handed out, when, and what a commit says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.client.agenda import (
    IDS_REMEMBERED,
    METADATA_MAX,
    OPEN_MAX,
    Agenda,
    Outset,
    Position,
)
from journey_engine.client.command import Command

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def command(command_id: str, **changes: Any) -> Command:
    fields: dict[str, Any] = {
        "command_id": command_id,
        "action": "SEND",
        "send_id": "help",
        "attempt": 0,
        "channel": "email",
        "customer_id": "c1",
        "anonymous_id": None,
        "content": "help",
        "data": {},
        "theme": None,
        "purpose": "service",
        "priority": 50,
        "created_at": NOW,
        "not_before": NOW,
        "not_after": None,
        "cancels": None,
        "reply_to": None,
        "slot": None,
        "team": None,
        "op": None,
        "ack_by": None,
        "due_at": None,
        "journey": {"name": "j", "version": 1, "key": None, "stage": "s", "entry_no": 1},
        "experiment": None,
        "causation": {"event_id": "e", "topic": "t", "partition": 0, "offset": 0},
        "decision_id": "d",
    }
    return msgspec.convert(fields | changes, Command)


def handed(agenda: Agenda, now: datetime = NOW) -> list[str]:
    return [due.command.command_id for due in agenda.due(now) if agenda.take(due, now)]


def test_a_command_is_handed_out_once_and_when_its_time_has_come() -> None:
    agenda = Agenda()
    agenda.add(5, b"c1", command("later", not_before=NOW + MINUTE))
    agenda.add(6, b"c1", command("now"))
    assert handed(agenda) == ["now"]
    assert agenda.next_due == NOW + MINUTE
    assert handed(agenda, NOW + MINUTE) == ["later"]
    assert handed(agenda, NOW + MINUTE) == []


def test_a_cancel_in_time_takes_the_command_and_itself_away() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("mail", not_before=NOW + MINUTE))
    agenda.add(1, b"c1", command("back", action="CANCEL", cancels="mail"))
    assert handed(agenda, NOW + MINUTE) == []
    assert agenda.position() == Position(2, "")
    assert agenda.counts == {"cancelled": 1, "cancel": 1}


def test_a_cancel_of_what_was_handed_out_is_the_sender_s_business() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("card", action="SHOW"))
    assert handed(agenda) == ["card"]
    agenda.add(1, b"c1", command("back", action="CANCEL", cancels="card"))
    assert handed(agenda) == ["back"]


@pytest.mark.parametrize("committed", [None, Position(0, "")])
def test_a_cancel_of_what_a_run_before_may_have_begun_with_is_the_sender_s_business(
    committed: Position | None,
) -> None:
    agenda = Agenda(committed, Outset("east", 1, NOW))
    agenda.add(0, b"c1", command("task", action="TASK"))
    agenda.add(1, b"c1", command("back", action="CANCEL", cancels="task"))
    assert handed(agenda) == ["back"]
    agenda.done(1)
    assert agenda.position() == Position(2, "")
    assert agenda.counts == {"cancelled": 1, "handed": 1}


@pytest.mark.parametrize(("offset", "not_before"), [(0, NOW + MINUTE), (1, NOW)])
def test_a_cancel_of_what_no_run_before_can_have_begun_with_takes_both_away(
    offset: int, not_before: datetime
) -> None:
    agenda = Agenda(Position(0, ""), Outset("east", 1, NOW))
    agenda.add(offset, b"c1", command("task", action="TASK", not_before=not_before))
    agenda.add(offset + 1, b"c1", command("back", action="CANCEL", cancels="task"))
    assert handed(agenda, NOW + MINUTE) == []
    assert agenda.counts == {"cancelled": 1, "cancel": 1}


def test_a_repeat_and_what_has_expired_are_done_without_the_sender() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("a"))
    agenda.add(1, b"c1", command("a"))
    agenda.add(2, b"c1", command("old", not_after=NOW - MINUTE))
    assert handed(agenda) == ["a"]
    agenda.done(0)
    assert agenda.position() == Position(3, "")
    assert agenda.counts == {"handed": 1, "duplicate": 1, "expired": 1}


def test_the_last_moment_of_a_command_is_still_its_own() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("a", not_after=NOW))
    assert handed(agenda) == ["a"]


def test_what_was_handled_behind_a_kept_one_does_not_come_again() -> None:
    before = Agenda()
    before.add(10, b"c1", command("kept", not_before=NOW + MINUTE))
    before.add(12, b"c2", command("handled"))
    before.add(13, b"c3", command("under way"))
    assert handed(before) == ["handled", "under way"]
    before.done(12)
    position = before.position()
    assert position.offset == 10

    after = Agenda(position)
    after.add(10, b"c1", command("kept", not_before=NOW + MINUTE))
    after.add(12, b"c2", command("handled"))
    after.add(13, b"c3", command("under way"))
    after.add(14, b"c4", command("new"))
    assert handed(after) == ["under way", "new"]
    assert handed(after, NOW + MINUTE) == ["kept"]


def test_a_cancel_finds_its_command_after_a_take_over() -> None:
    before = Agenda()
    before.add(0, b"c1", command("mail", not_before=NOW + MINUTE))
    after = Agenda(before.position())
    after.add(0, b"c1", command("mail", not_before=NOW + MINUTE))
    after.add(1, b"c1", command("back", action="CANCEL", cancels="mail"))
    assert handed(after, NOW + MINUTE) == []


def test_metadata_of_another_kind_say_nothing() -> None:
    agenda = Agenda(Position(7, "ops-team wrote this"))
    agenda.add(7, b"c1", command("a"))
    assert handed(agenda) == ["a"]


def half_done(*, spread: int = 1, outset: Outset) -> Position:
    """What is committed of 50 commands, each `spread` offsets behind the one before, of which all
    but the first, which is kept, are handled.
    """
    before = Agenda(Position(100, ""), outset)
    for number in range(50):
        not_before = NOW + MINUTE if number == 0 else NOW
        before.add(100 + number * spread, b"c1", command(f"k{number}", not_before=not_before))
    for due in before.due(NOW):
        assert before.take(due, NOW)
        before.done(due.offset)
    return before.position()


def brought(agenda: Agenda, begin: int, count: int) -> list[str]:
    for number in range(count):
        agenda.add(begin + number, b"c1", command(f"k{number}"))
    return handed(agenda)


EAST, WEST = Outset("east", 300, NOW), Outset("west", 300, NOW)


@pytest.mark.parametrize("begin", [100, 40])
def test_what_is_said_of_another_cluster_s_offsets_is_not_believed(begin: int) -> None:
    committed = half_done(spread=2, outset=EAST)
    again = Agenda(committed._replace(offset=begin), WEST)
    assert len(brought(again, begin, 100)) == 100


def test_what_was_written_with_another_offset_is_not_believed() -> None:
    committed = half_done(outset=EAST)
    assert brought(Agenda(committed, EAST), 100, 100) == ["k0", *(f"k{n}" for n in range(50, 100))]
    again = Agenda(committed._replace(offset=40), EAST)
    assert len(brought(again, 40, 100)) == 100


def test_metadata_of_older_clients_are_believed_of_what_the_log_has() -> None:
    committed, offset = half_done(outset=EAST), 100
    old = Position(offset, committed.metadata.rsplit(":", 1)[1])
    assert brought(Agenda(old, EAST._replace(end=150)), offset, 51) == ["k0", "k50"]
    assert len(brought(Agenda(old, WEST._replace(end=149)), offset, 49)) == 49


def test_a_log_that_was_made_anew_is_handed_out_from_its_beginning() -> None:
    agenda = Agenda(Position(1000, ""), EAST)
    assert len(brought(agenda, 0, 100)) == 100
    assert agenda.position().offset == 0


def test_a_log_that_was_cut_short_brings_what_is_new_and_what_no_handler_has_begun_with() -> None:
    agenda = Agenda()
    agenda.add(7, b"c1", command("handled"))
    agenda.add(8, b"c1", command("in line"))
    agenda.add(9, b"c1", command("kept", not_before=NOW + MINUTE))
    handled, in_line = agenda.due(NOW)
    assert agenda.take(handled, NOW)
    agenda.done(7)
    agenda.add(6, b"c1", command("handled"))
    agenda.add(7, b"c1", command("kept"))
    agenda.add(8, b"c1", command("in line"))
    agenda.add(9, b"c1", command("new"))
    assert not agenda.take(in_line, NOW), "it is handed out with its new offset"
    assert handed(agenda) == ["kept", "in line", "new"]
    for offset in (7, 8, 9):
        agenda.done(offset)
    assert agenda.position() == Position(10, "")


def test_no_more_is_wanted_than_can_be_kept() -> None:
    agenda = Agenda()
    for offset in range(OPEN_MAX):
        assert not agenda.is_full
        agenda.add(offset, b"c", command(str(offset), not_before=NOW + MINUTE))
    assert agenda.is_full
    assert len(agenda.position().metadata) < METADATA_MAX


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=200))
def test_a_take_over_hands_out_exactly_what_was_not_done(steps: list[tuple[int, bool]]) -> None:
    offsets, at = [], 0
    for gap, _ in steps:
        at += gap
        offsets.append(at)
    first = Agenda()
    for offset in offsets:
        first.add(offset, b"c", command(str(offset)))
    handed(first)
    left = []
    for offset, (_, is_done) in zip(offsets, steps, strict=True):
        if is_done:
            first.done(offset)
        else:
            left.append(str(offset))
    second = Agenda(first.position())
    for offset in offsets:
        if offset >= first.position().offset:
            second.add(offset, b"c", command(str(offset)))
    assert handed(second) == left


def test_what_expires_or_is_cancelled_while_it_stands_in_line_is_not_begun() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("slow"))
    agenda.add(1, b"c1", command("expires", not_after=NOW + MINUTE))
    agenda.add(2, b"c1", command("taken back"))
    slow, expires, taken_back = agenda.due(NOW)
    assert agenda.take(slow, NOW)
    agenda.add(3, b"c1", command("back", action="CANCEL", cancels="taken back"))
    assert not agenda.take(expires, NOW + 2 * MINUTE)
    assert not agenda.take(taken_back, NOW + 2 * MINUTE)
    assert handed(agenda, NOW + 2 * MINUTE) == []
    agenda.done(0)
    assert agenda.position() == Position(4, "")
    assert agenda.counts == {"handed": 1, "expired": 1, "cancelled": 1, "cancel": 1}


def test_one_that_is_given_up_begins_with_nothing_and_keeps_it_open() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("a"))
    (due,) = agenda.due(NOW)
    agenda.close()
    assert not agenda.take(due, NOW)
    assert agenda.position().offset == 0


def test_a_kept_command_with_millions_handled_behind_it_lets_none_of_these_come_again() -> None:
    before = Agenda()
    before.add(0, b"c1", command("kept", not_before=NOW + MINUTE))
    before.add(3_000_000, b"c2", command("handled"))
    handed(before)
    before.done(3_000_000)
    after = Agenda(before.position())
    after.add(0, b"c1", command("kept", not_before=NOW + MINUTE))
    after.add(3_000_000, b"c2", command("handled"))
    assert handed(after) == []


def test_an_open_command_that_retention_deleted_holds_nothing_up() -> None:
    before = Agenda()
    for offset in (3, 4, 9):
        before.add(offset, b"c1", command(str(offset)))
    after = Agenda(before.position())
    after.add(9, b"c1", command("9"))
    assert handed(after) == ["9"]
    after.done(9)
    assert after.position() == Position(10, "")
    assert after.counts == {"lost": 2, "handed": 1}


def test_a_repeat_keeps_its_id_remembered() -> None:
    agenda = Agenda()
    for offset, name in enumerate(["a", *map(str, range(IDS_REMEMBERED - 1)), "a", "new", "a"]):
        agenda.add(offset, b"c1", command(name))
    assert agenda.counts["duplicate"] == 2


def test_a_repeat_of_what_is_kept_is_one_however_long_ago_it_came() -> None:
    agenda = Agenda()
    agenda.add(0, b"c1", command("kept", not_before=NOW + MINUTE))
    for offset in range(1, IDS_REMEMBERED + 2):
        agenda.add(offset, b"c1", command(str(offset)))
    agenda.add(IDS_REMEMBERED + 2, b"c1", command("kept", not_before=NOW + MINUTE))
    assert agenda.counts["duplicate"] == 1
