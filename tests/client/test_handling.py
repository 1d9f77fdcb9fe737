"""Which handlers run beside which, and what follows where one fails."""

import asyncio
import gc
from datetime import UTC, datetime, timedelta

import pytest

from journey_engine.client.agenda import Agenda
from journey_engine.client.command import Command
from journey_engine.client.handling import Handling
from tests.client.test_agenda import command


class Channel:
    """A handler that notes what it was given, and waits at some until it is let go on."""

    def __init__(self, *, waits_at: str = "", fails_at: str = "") -> None:
        self.begun: list[str] = []
        self.go_on = asyncio.Event()
        self._waits_at = waits_at
        self._fails_at = fails_at

    async def handle(self, command: Command) -> None:
        self.begun.append(command.command_id)
        if command.command_id == self._waits_at:
            await self.go_on.wait()
        if command.command_id == self._fails_at:
            raise ConnectionError(command.command_id)


def brought(*records: tuple[str, str]) -> Agenda:
    agenda = Agenda()
    for offset, (name, customer) in enumerate(records):
        agenda.add(offset, customer.encode(), command(name))
    return agenda


async def test_what_follows_one_that_failed_waits_for_the_next_run() -> None:
    channel = Channel(waits_at="a1", fails_at="a1")
    handling = Handling(channel.handle, at_once=4)
    agenda = brought(("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"))
    handling.hand_out(agenda, datetime.now(UTC))
    await asyncio.sleep(0)
    agenda.add(4, b"c", command("c1"))
    channel.go_on.set()
    await asyncio.sleep(0)
    handling.hand_out(agenda, datetime.now(UTC))
    await handling.finish([agenda], None)
    assert channel.begun == ["a1", "b1"]
    with pytest.raises(ConnectionError, match="a1"):
        handling.clear_up()
    assert agenda.position().offset == 0


async def test_the_first_failure_is_raised_and_says_what_others_under_way_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = asyncio.Event()

    async def fail(command: Command) -> None:
        await gate.wait()
        raise ConnectionError(command.command_id)

    handling = Handling(fail, at_once=2)
    agenda = brought(("a1", "a"), ("b1", "b"))
    handling.hand_out(agenda, datetime.now(UTC))
    await asyncio.sleep(0)
    gate.set()
    await handling.finish([agenda], None)
    with pytest.raises(ConnectionError, match="a1") as raised:
        handling.clear_up()
    assert raised.value.__notes__ == ["Another handler raised as well: ConnectionError('b1')"]
    del handling
    gc.collect()
    assert not caplog.records, "asyncio found no failure that nobody asked for"


async def test_a_command_that_expired_while_all_slots_were_taken_is_passed_over() -> None:
    channel = Channel(waits_at="a1")
    handling = Handling(channel.handle, at_once=1)
    agenda = brought(("a1", "a"))
    soon = datetime.now(UTC) + timedelta(milliseconds=20)
    agenda.add(1, b"b", command("b1", not_after=soon))
    handling.hand_out(agenda, datetime.now(UTC))
    await asyncio.sleep(0.05)
    channel.go_on.set()
    await handling.finish([agenda], None)
    assert channel.begun == ["a1"]
    assert agenda.counts == {"handed": 1, "expired": 1}


async def test_of_a_partition_that_is_given_up_only_what_was_begun_is_finished() -> None:
    channel = Channel(waits_at="a1")
    handling = Handling(channel.handle, at_once=1)
    agenda = brought(("a1", "a"), ("b1", "b"))
    handling.hand_out(agenda, datetime.now(UTC))
    await asyncio.sleep(0)
    agenda.close()
    channel.go_on.set()
    await handling.finish([agenda], None)
    assert channel.begun == ["a1"]
    assert agenda.position().offset == 1

    again = Agenda(agenda.position())
    again.add(1, b"b", command("b1"))
    handling.hand_out(again, datetime.now(UTC))
    await handling.finish([again], None)
    assert channel.begun == ["a1", "b1"]
