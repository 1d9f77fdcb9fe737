"""What a worker's process holds of the broker: its producers, changelog readers and consumer."""

from collections.abc import Mapping, Sequence
from typing import Any

from journey_engine.decode.record import Record
from journey_engine.run.naming import Names
from journey_engine.run.producing import Message, ShowRemaining, Sink, UnresolvedError
from tests.simulation.broker import Broker, Log
from tests.simulation.process import Process


class SimulatedProducer:
    """A `Producer` on the simulated broker: transactional, or plain."""

    def __init__(self, process: Process, broker: Broker, name: str, *, transactional: bool) -> None:
        self.transactional = transactional
        self._process = process
        self._broker = broker
        self._name = name
        self._epoch = -1

    async def start(self) -> None:
        process = self._process
        process.note(f"{self._name}: start")
        await process.travel("start")
        if self.transactional:
            self._epoch = await self._broker.init(self._name)
        await process.travel("start, answered")
        self._fail("start")

    async def begin(self) -> None:
        self._process.check()

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """In batches of any size, each of which may fail, with or without having been written."""
        log, epoch = self._broker.log(topic, partition), self._epoch
        chance = self._process.weather.chance
        rest, last, failure = list(messages), -1, None
        while rest:
            size = chance.between(1, len(rest))
            batch, rest = rest[:size], rest[size:]
            if failure is not None and (self.transactional or not rest):
                break  # within a transaction nothing follows what failed, else the last batch not
            last, error = await self._batch(log, batch, epoch)
            failure = failure or error
        if failure is not None:
            raise failure
        return last

    async def _batch(
        self, log: Log, batch: Sequence[Message], epoch: int
    ) -> tuple[int, UnresolvedError | None]:
        process, where = self._process, f"write {log.topic}-{log.partition}"
        await process.travel(where)
        failed = process.weather.strikes(process.weather.rates.fail)
        if failed and process.weather.chance.happens(0.5):
            process.note(f"{where}: {len(batch)} records REFUSED")
            return -1, UnresolvedError(f"{where}: refused")
        if self.transactional:
            await self._broker.writable(self._name, epoch)
            last = self._broker.produce(log, batch, self._name, epoch)
        else:
            last = log.append(batch, None)
        process.note(f"{where}: {len(batch)} records, up to {last}")
        await process.travel(f"{where}, answered")
        if failed:
            process.note(f"{where}: TIMED OUT, though written")
            return last, UnresolvedError(f"{where}: timed out")
        return last, None

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        if self.transactional:
            await self._process.request(
                "offsets", lambda: self._broker.add_offsets(dict(offsets), self._name, self._epoch)
            )
            self._fail("offsets")
        else:
            self._broker.group_offsets.update(offsets)

    async def commit(self) -> None:
        await self._end(commit=True)

    async def abort(self) -> None:
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        if not self.transactional:
            return
        process, what = self._process, "commit" if commit else "abort"
        await process.travel(what)
        failed = process.weather.strikes(process.weather.rates.fail)
        if failed and process.weather.chance.happens(0.5):
            process.note(f"{self._name}: {what} LOST on its way")
            raise UnresolvedError(f"{what} timed out")
        self._broker.end(self._name, self._epoch, commit=commit)
        process.note(f"{self._name}: {what}")
        await process.travel(f"{what}, answered")
        if failed:
            process.note(f"{self._name}: {what} TIMED OUT, though done")
            raise UnresolvedError(f"{what} timed out")

    async def stop(self) -> None:
        self._process.check()

    def _fail(self, what: str) -> None:
        weather = self._process.weather
        if weather.strikes(weather.rates.fail):
            self._process.note(f"{self._name}: {what} FAILED")
            raise UnresolvedError(f"{what} failed")


class SimulatedChangelogs:
    """`Changelogs` on the simulated broker."""

    def __init__(self, process: Process, broker: Broker, names: Names) -> None:
        self._process = process
        self._broker = broker
        self._names = names

    async def restore(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        for partition, begin in starts.items():
            log = self._broker.log(self._names.changelog, partition)
            at, end = begin, log.stable
            while at < end:
                upto = self._process.weather.chance.between(at + 1, end)
                await self._process.travel("restore")
                self._fail("restore")
                sink(partition, log.read(at, upto))
                at = upto
                progress({partition: end - at})

    async def follow(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        ends = dict(starts)

        def copy(partition: int, records: Sequence[Any]) -> None:
            sink(partition, records)
            ends[partition] = max([ends[partition], *(record.offset + 1 for record in records)])

        while True:
            await self.restore(ends, copy, progress)
            await self._process.travel("follow")

    async def ledger_tails(self, partitions: Sequence[int], sink: Sink) -> None:
        for partition in partitions:
            await self._process.travel("ledger tail")
            self._fail("ledger tail")
            log = self._broker.log(self._names.ledger, partition)
            sink(partition, log.read(max(0, log.stable - 16)))

    def _fail(self, what: str) -> None:
        weather = self._process.weather
        if weather.strikes(weather.rates.fail):
            self._process.note(f"{what} FAILED")
            raise UnresolvedError(f"{what} failed")


class SimulatedConsumer:
    """The input consumer of one process: positions, and slices of any size."""

    def __init__(self, process: Process, broker: Broker) -> None:
        self._process = process
        self._broker = broker
        self.positions: dict[tuple[str, int], int] = {}

    def seek(self, partition: int, offsets: Mapping[str, int]) -> None:
        for topic, offset in offsets.items():
            self.positions[topic, partition] = offset

    def forget(self, partition: int) -> None:
        self.positions = {tp: at for tp, at in self.positions.items() if tp[1] != partition}

    def fetch(self, topic: str, partition: int) -> tuple[list[Record], int, int]:
        """Some of what follows, the end that the answer told of, and where the fetch stands."""
        log, at = self._broker.log(topic, partition), self.positions[topic, partition]
        end = log.stable
        upto = min(end, at + self._process.weather.chance.often_small(0, 9))
        self.positions[topic, partition] = upto
        return log.read(at, upto), end, upto
