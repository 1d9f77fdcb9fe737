"""A broker in memory, as far as transactions, fencing and read isolation go.

What a request does happens at once when it arrives; markers of an ended transaction reach its
partitions one after another, later, as Kafka's coordinator writes them. No time of its own: the
clients bring the delays.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from journey_engine.decode.record import Record
from journey_engine.run.producing import FencedError, Message

Delay = Callable[[], float]


class Transaction:
    """`committed` is None while it is open."""

    def __init__(self, begun: float) -> None:
        self.begun = begun
        self.committed: bool | None = None
        self.logs: list[Log] = []
        self.offsets: dict[tuple[str, int], int] = {}


class Entry(NamedTuple):
    """A record, or a marker (no message) of how its transaction ended."""

    message: Message | None
    transaction: Transaction | None


class Log:
    """One partition of one topic."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.entries: list[Entry] = []
        self._open: dict[Transaction, int] = {}

    @property
    def end(self) -> int:
        """The high watermark."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """The last stable offset: before it every transaction has its marker."""
        return min(self._open.values(), default=self.end)

    def append(self, messages: Iterable[Message], transaction: Transaction | None) -> int:
        """The offset of the last one."""
        if transaction is not None and transaction not in self._open:
            self._open[transaction] = self.end
            transaction.logs.append(self)
        self.entries += [Entry(message, transaction) for message in messages]
        return self.end - 1

    def mark(self, transaction: Transaction) -> None:
        del self._open[transaction]
        self.entries.append(Entry(None, transaction))

    def read(self, begin: int, end: int | None = None) -> list[Record]:
        """What `read_committed` shows between two offsets."""
        stop = self.stable if end is None else min(end, self.stable)
        return [
            Record(
                self.topic,
                self.partition,
                offset,
                entry.message.timestamp or 0,
                entry.message.key,
                entry.message.value,
                entry.message.headers,
            )
            for offset, entry in enumerate(self.entries[begin:stop], begin)
            if entry.message is not None
            and (entry.transaction is None or entry.transaction.committed)
        ]

    def uncommitted(self) -> int:
        """How many records belong to transactions that were aborted."""
        return sum(
            1
            for message, transaction in self.entries
            if message is not None and transaction is not None and not transaction.committed
        )


class _Owner:
    def __init__(self) -> None:
        self.epoch = -1
        self.transaction: Transaction | None = None
        self.ending: asyncio.Future[None] | None = None


class Broker:
    """All logs, and the coordinator of transactions."""

    def __init__(self, loop: asyncio.AbstractEventLoop, marker_delay: Delay) -> None:
        self._loop = loop
        self._marker_delay = marker_delay
        self._logs: dict[tuple[str, int], Log] = {}
        self._owners: defaultdict[str, _Owner] = defaultdict(_Owner)
        self.group_offsets: dict[tuple[str, int], int] = {}
        self.fenced = 0

    def log(self, topic: str, partition: int) -> Log:
        """Made where it is absent."""
        key = topic, partition
        if key not in self._logs:
            self._logs[key] = Log(topic, partition)
        return self._logs[key]

    def logs(self) -> Sequence[Log]:
        return list(self._logs.values())

    async def init(self, name: str) -> int:
        """InitProducerId: ends the open transaction, fences the owner, then gives a new epoch."""
        owner = self._owners[name]
        owner.epoch += 1
        if owner.transaction is not None:
            self._end(owner, commit=False)
        await self._ended(owner)
        owner.epoch += 1
        return owner.epoch

    async def writable(self, name: str, epoch: int) -> None:
        """A new transaction waits until the last one has all its markers."""
        self._check(name, epoch)
        await self._ended(self._owners[name])

    def produce(self, log: Log, messages: Sequence[Message], name: str, epoch: int) -> int:
        return log.append(messages, self._transaction(name, epoch))

    def add_offsets(self, offsets: dict[tuple[str, int], int], name: str, epoch: int) -> None:
        self._transaction(name, epoch).offsets |= offsets

    def end(self, name: str, epoch: int, *, commit: bool) -> None:
        """EndTxn. Ending what nothing was written to does nothing."""
        self._check(name, epoch)
        owner = self._owners[name]
        if owner.transaction is not None:
            self._end(owner, commit=commit)

    def expire(self, before: float) -> None:
        """Abort what was begun before that time and is still open; its producer is fenced."""
        for owner in self._owners.values():
            if owner.transaction is not None and owner.transaction.begun < before:
                owner.epoch += 1
                self._end(owner, commit=False)

    def open_transactions(self) -> int:
        return sum(owner.transaction is not None for owner in self._owners.values())

    def _transaction(self, name: str, epoch: int) -> Transaction:
        self._check(name, epoch)
        owner = self._owners[name]
        if owner.transaction is None:
            owner.transaction = Transaction(self._loop.time())
        return owner.transaction

    def _check(self, name: str, epoch: int) -> None:
        if epoch != self._owners[name].epoch:
            self.fenced += 1
            raise FencedError(f"{name}: epoch {epoch} is past")

    def _end(self, owner: _Owner, *, commit: bool) -> None:
        transaction, owner.transaction = owner.transaction, None
        assert transaction is not None
        transaction.committed = commit
        if commit:
            self.group_offsets |= transaction.offsets
        owner.ending = self._loop.create_future()
        self._mark(owner.ending, transaction, list(transaction.logs))

    def _mark(
        self, done: "asyncio.Future[None]", transaction: Transaction, logs: list[Log]
    ) -> None:
        if not logs:
            done.set_result(None)
            return
        logs.pop().mark(transaction)
        self._loop.call_later(self._marker_delay(), self._mark, done, transaction, logs)

    async def _ended(self, owner: _Owner) -> None:
        while owner.ending is not None and not owner.ending.done():
            await asyncio.shield(owner.ending)
