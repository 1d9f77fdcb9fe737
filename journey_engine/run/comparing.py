"""Live and shadow read side by side, partition by partition."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from journey_engine.decode.whole import read_whole
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.decided import COMMAND, DECISION, TRANSITION, read_decided
from journey_engine.run.differing import LIVE, SHADOW, Divergence, Unpaired
from journey_engine.run.merge import NEVER
from journey_engine.run.moving import App, MoveError
from journey_engine.run.restore import last_positions
from journey_engine.run.shadow import Note, notes_of
from journey_engine.run.tailing import tail
from journey_engine.run.topics import require_topics
from journey_engine.schemas import Schemas

TOLD_EVERY = 1_000
"""Records between two words on how far it is."""

Show = Callable[[str, int, int], None]
"""Is told what is being done, how much of it is done and of how much (0: not known)."""


@dataclass
class Compared:
    """What a comparison came to. Times are milliseconds; `plans` are the hashes in force."""

    plans: tuple[str, str]
    since: int = 0
    until: int = 0
    records: int = 0
    customers: int = 0
    diverged: int = 0
    at_edges: int = 0
    """Records without a partner that were decided too near the begin or the end to be told."""
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Customers by journey, what live decided, what the shadow decided."""
    first: list[Divergence] = field(default_factory=list)


class Span(NamedTuple):
    """Of one partition: where the shadow began, and up to which time both have come."""

    begun: Note
    upto: int


@dataclass(frozen=True)
class Comparison:
    """What is compared: two apps; `limit` customers are told by name."""

    live: App
    shadow: App
    schemas: Schemas
    tolerance: int
    limit: int

    async def run(self, show: Show) -> Compared:
        """Read all and compare.

        Raises:
            MoveError: the shadow has not worked yet.
            TopicsError: a topic is missing, or has another number of partitions.
            KafkaError, TimeoutError: the broker cannot be read.
        """
        for app in (self.live, self.shadow):
            mine = self.kinds.keys() & app.names.all
            name = app.settings.shadow
            maker = (
                f"journey-engine shadow start {name}" if name else "journey-engine topics create"
            )
            wanted = {*mine, app.names.changelog}
            await require_topics(app.settings, wanted, maker, partitions=app.names.partitions)
        standing = [await last_positions(a.settings, a.names) for a in (self.live, self.shadow)]
        if not all(standing):
            raise MoveError("one of the two has taken nothing yet: nothing can be compared")
        live, shadow = (next(iter(each.values())).plan_hash for each in standing)
        found = Compared((live, shadow))
        notes = await notes_of(self.shadow)
        with tempfile.TemporaryDirectory(prefix="journey-diff-") as folder:
            for number in range(self.live.names.partitions):
                if not all(number in each for each in standing):
                    continue
                upto = min(each[number].clock for each in standing)
                span = Span(notes.get(number, Note(NEVER, {})), upto)
                unpaired = Unpaired(Path(folder) / f"{number}.sqlite", self.tolerance)
                try:
                    await self._read(number, span.begun, unpaired, found, show)
                    self._add(found, unpaired, span)
                finally:
                    unpaired.close()
        return found

    @cached_property
    def kinds(self) -> Mapping[str, tuple[int, int]]:
        """By topic whose it is and what lies in it."""
        return {**_kinds(self.live, LIVE), **_kinds(self.shadow, SHADOW)}

    async def _read(
        self, number: int, begun: Note, unpaired: Unpaired, found: Compared, show: Show
    ) -> None:
        partitions = self.live.names.partitions
        records = tail(
            self.live.settings, list(self.kinds), partitions, only=number, starts=begun.ends
        )
        async for record in records:
            if record.value is None:
                continue
            side, kind = self.kinds[record.topic]
            _, fields = read_whole(record.value, self.schemas, record.headers)
            one = read_decided(kind, record.key, fields)
            if one.at <= begun.clock - self.tolerance:
                continue
            unpaired.put(side, one)
            found.records += 1
            if found.records % TOLD_EVERY == 0:
                show(f"partition {number + 1} of {partitions}", found.records, 0)

    def _add(self, found: Compared, unpaired: Unpaired, span: Span) -> None:
        after = span.begun.clock + self.tolerance if span.begun.ends else NEVER
        last = span.upto - self.tolerance
        found.since = max(found.since, after)
        found.until = last if found.until == 0 else min(found.until, last)
        found.customers += unpaired.people()
        found.at_edges += unpaired.at_edges(after, last)
        for divergence in unpaired.divergences(after, last):
            found.diverged += 1
            found.counts[(divergence.journey, *divergence.words)] += 1
            if len(found.first) < self.limit:
                found.first.append(divergence)


def _kinds(app: App, side: int) -> Mapping[str, tuple[int, int]]:
    """By topic whose it is and what lies in it."""
    names = app.names
    return {
        names.outputs[OutKind.TRANSITION]: (side, TRANSITION),
        names.outputs[OutKind.DECISION]: (side, DECISION),
        **dict.fromkeys(names.commands.values(), (side, COMMAND)),
    }
