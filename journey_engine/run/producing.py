"""What the commit path needs of a broker and a disk, and no more (D3).

`producers` and `restore` speak to Kafka; the simulation and the chaos harness put their own in.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from journey_engine.decode.record import Headers
from journey_engine.run.store import Store


class FencedError(Exception):
    """Another owner of this partition has begun: let it go, write nothing."""


class UnresolvedError(Exception):
    """What became of a unit of work is not known, or it was lost: a time-out, a connection that
    broke, a batch that was refused, an abort by the broker. The changelog tells.
    """


class Message(NamedTuple):
    """A record to be written; topic and partition are said beside it.

    `timestamp` is in milliseconds since the epoch; None: the time of writing.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None


made: Callable[[type[Message], tuple[bytes | None, bytes | None, Headers, int | None]], Message] = (
    tuple.__new__
)
"""A `Message` of its fields in their order, in a fifth of the time that its call takes."""


class Producer(Protocol):
    """The writer of one partition's units of work.

    Each call raises `FencedError` where another owner has begun, and `UnresolvedError` for any
    other failure; after either only `start`, `abort` and `stop` may follow.
    """

    @property
    def transactional(self) -> bool:
        """Whether a unit of work is visible as a whole or not at all.

        Otherwise delivery is at least once: `begin`, `commit` and `abort` do nothing, and
        `send_offsets` is best-effort.
        """
        ...

    async def start(self) -> None:
        """Connect, anew where it was connected.

        Transactional: fences the previous owner and ends its open transaction, so that the
        changelog has come to rest when this returns.
        """
        ...

    async def begin(self) -> None:
        """Begin a unit of work."""
        ...

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        """Write in this order; every batch is acknowledged when this returns. Without transactions
        nothing before the last message is missing where that one is there.

        The offset of the last record, -1 of none.
        """
        ...

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        """Set the group's next offset of each (topic, partition) with this unit of work."""
        ...

    async def commit(self) -> None:
        """Make the unit of work visible; `UnresolvedError` leaves open whether it is."""
        ...

    async def abort(self) -> None:
        """Drop the open unit of work; nothing to do without one."""
        ...

    async def stop(self) -> None:
        """Let go of the connection. Never raises, may be called twice."""
        ...


Sink = Callable[[int, Sequence[Any]], None]
"""Takes a partition's next records, in offset order."""
ShowRemaining = Callable[[Mapping[int, int]], None]
"""Is told how many records each partition has still to read."""


class Changelogs(Protocol):
    """Reading changelog and ledger back, `read_committed`."""

    async def restore(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        """Hand `sink` the records of these changelog partitions, each from its offset to the end.

        Any error of it is one of the broker: nothing was missed silently.
        """
        ...

    async def follow(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        """As `restore`, but goes on at the end with what others commit, until it is cancelled."""
        ...

    async def ledger_tails(self, partitions: Sequence[int], sink: Sink) -> None:
        """Hand `sink` the last records of each ledger partition."""
        ...


class Seams(NamedTuple):
    """What a worker's partitions write to and read from; each partition gets its own."""

    producer: Callable[[int], Producer]
    """Not started."""
    store: Callable[[int], Store]
    changelogs: Changelogs
