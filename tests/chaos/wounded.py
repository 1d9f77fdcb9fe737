"""What a worker writes to and reads from, with the points at which it kills itself on order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from journey_engine.run.producing import (
    Changelogs,
    Message,
    Producer,
    Seams,
    ShowRemaining,
    Sink,
)
from tests.chaos.control import Control


def wounding(control: Control) -> Callable[[Seams], Seams]:
    """Wraps a worker's seams. The store needs no wound: a commit is over when it is written."""

    def wrap(seams: Seams) -> Seams:
        return seams._replace(
            producer=lambda partition: WoundedProducer(seams.producer(partition), control),
            changelogs=WoundedChangelogs(seams.changelogs, control),
        )

    return wrap


class WoundedProducer:
    """Dies between two of its calls. The first thing after `commit` returns is the store's write,
    and the last thing of a release is `abort`, while other partitions still commit.
    """

    def __init__(self, inner: Producer, control: Control) -> None:
        self._inner = inner
        self._control = control

    @property
    def transactional(self) -> bool:
        return self._inner.transactional

    async def start(self) -> None:
        await self._inner.start()

    async def begin(self) -> None:
        await self._inner.begin()

    async def write(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        last = await self._inner.write(topic, partition, messages)
        self._control.at("after_produce")
        return last

    async def send_offsets(self, offsets: Mapping[tuple[str, int], int]) -> None:
        await self._inner.send_offsets(offsets)

    async def commit(self) -> None:
        self._control.at("before_commit")
        await self._inner.commit()
        self._control.at("after_commit")

    async def abort(self) -> None:
        self._control.at("during_revoke")
        await self._inner.abort()

    async def stop(self) -> None:
        await self._inner.stop()


class WoundedChangelogs:
    """Dies when the first records are restored, or where there were none."""

    def __init__(self, inner: Changelogs, control: Control) -> None:
        self._inner = inner
        self._control = control

    async def restore(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        def apply(partition: int, records: Sequence[Any]) -> None:
            sink(partition, records)
            self._control.at("during_restore")

        await self._inner.restore(starts, apply, progress)
        self._control.at("during_restore")

    async def follow(self, starts: Mapping[int, int], sink: Sink, progress: ShowRemaining) -> None:
        await self._inner.follow(starts, sink, progress)

    async def ledger_tails(self, partitions: Sequence[int], sink: Sink) -> None:
        await self._inner.ledger_tails(partitions, sink)
