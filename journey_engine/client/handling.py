"""Handlers under way: those of one customer one after the other, so many at once and no more."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from journey_engine.client.agenda import Agenda, Due
from journey_engine.client.command import Command

if TYPE_CHECKING:
    from journey_engine.observe.traces import Traces

Handler = Callable[[Command], Awaitable[None]]


class Handling:
    """Calls a handler for what agendas hand out, `at_once` of them at most.

    Once a handler has raised none begins any more, of no customer: the run is over, and a later
    command of that customer must not overtake the one that failed. What others under way raise
    after it becomes a note of the first.
    """

    def __init__(self, handle: Handler, at_once: int, traces: "Traces | None" = None) -> None:
        self._handle = handle
        self._traces = traces
        self._slots = asyncio.Semaphore(at_once)
        self._running: dict[asyncio.Task[None], Agenda] = {}
        self._last: dict[bytes | None, asyncio.Task[None]] = {}
        """The newest handling of each customer, while it is not over."""
        self._failure: BaseException | None = None

    def hand_out(self, agenda: Agenda, now: datetime) -> None:
        """Begin with what may be handled now, each when its turn comes."""
        for due in agenda.due(now):
            task = asyncio.create_task(self._take(agenda, due, self._last.get(due.key)))
            self._running[task] = agenda
            self._last[due.key] = task

    async def _take(self, agenda: Agenda, due: Due, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._slots:
            if self._failure is not None or not agenda.take(due, datetime.now(UTC)):
                return
            try:
                await self._carry_out(due.command)
            except BaseException as error:  # noqa: BLE001 - `clear_up` raises it
                self._fail(error)
                return
        agenda.done(due.offset)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
        else:
            self._failure.add_note(f"Another handler raised as well: {error!r}")

    async def _carry_out(self, command: Command) -> None:
        if self._traces is None:
            await self._handle(command)
            return
        cause, linked = command.traceparent, command.linked
        with self._traces.handling(command.action, command.send_id, cause, linked=linked):
            await self._handle(command)

    def clear_up(self) -> None:
        """Forget what is handled; raise what the first handler that failed raised."""
        self._running = {task: of for task, of in self._running.items() if not task.done()}
        self._last = {key: task for key, task in self._last.items() if not task.done()}
        if self._failure is not None:
            raise self._failure

    async def finish(self, agendas: Collection[Agenda], within_s: float | None) -> None:
        """Wait for what is under way of these agendas, so many seconds at most (None: all)."""
        mine = {id(agenda) for agenda in agendas}
        under_way = [task for task, agenda in self._running.items() if id(agenda) in mine]
        if under_way:
            await asyncio.wait(under_way, timeout=within_s)

    def abandon(self) -> None:
        """Cancel what is still under way."""
        for task in self._running:
            task.cancel()
