"""A workload sent at a steady rate, with what was sent remembered."""

import asyncio
from collections import defaultdict

from journey_engine.decode.record import Record
from journey_engine.run.clock import wall_ms
from journey_engine.run.producers import Output
from journey_engine.run.publisher import publish
from journey_engine.run.settings import Settings
from tests.chaos.reading import Place
from tests.chaos.workload import Workload

TICK_S = 0.1
CATCH_UP = 3
"""So many times the rate at most, after the broker was away."""
MARK_TICKS = 5
LAST_MARK_MS = 60_000
"""The last time mark lies so far ahead that every timer fires."""


class Load:
    """Sends so many seconds' worth, and on until `enough` is set. `marks`: time marks, too (T3)."""

    def __init__(
        self,
        settings: Settings,
        workload: Workload,
        rate: int,
        *,
        across: bool,
        marks: bool = False,
    ) -> None:
        self.sent: defaultdict[Place, list[Record]] = defaultdict(list)
        self.enough = asyncio.Event()
        self._output = Output(settings)
        self._workload = workload
        self._rate = rate
        self._across = across
        self._marks = marks

    async def run(self, seconds: float) -> None:
        """Send.

        Raises:
            KafkaError: the broker was away for longer than a producer waits.
        """
        loop = asyncio.get_running_loop()
        await self._output.start()
        try:
            last, owed, ticks = loop.time(), 0.0, 0
            left = int(seconds * self._rate)
            while left > 0 or not self.enough.is_set():
                now = loop.time()
                owed += (now - last) * self._rate
                last, ticks = now, ticks + 1
                count = int(min(owed, CATCH_UP * self._rate * TICK_S))
                owed, left = owed - count, left - count
                records = self._workload.batch(count, wall_ms(), across=self._across)
                if self._marks and ticks % MARK_TICKS == 0:
                    records += self._workload.marks(wall_ms())
                await self._publish(records)
                await asyncio.sleep(max(0.0, now + TICK_S - loop.time()))
            if self._marks:
                await self._publish(self._workload.marks(wall_ms() + LAST_MARK_MS))
        finally:
            await self._output.stop()

    async def _publish(self, records: list[Record]) -> None:
        for record in records:
            self.sent[Place(record.topic, record.partition)].append(record)
        await publish(self._output, records)
