"""What a run did, for people: the same counts whether a broker was between or not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from journey_engine.decode.record import Record
from journey_engine.errors import CandidateOutcome, EntryOutcome
from journey_engine.run.outbox import Statistics

NOT_REFUSED = frozenset({CandidateOutcome.SENT, CandidateOutcome.DEFERRED})


@dataclass(slots=True)
class Summary:
    """Counts of a run. `count` sees what goes in, `add` what a flush came to."""

    events: int = 0
    """Records but for time marks."""
    customers: int = 0
    """Different keys among them."""
    inputs: Counter[str] = field(default_factory=Counter)
    """By outcome."""
    entries: Counter[str] = field(default_factory=Counter)
    """Instances entered, by journey."""
    transitions: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """By channel, cancellations included."""
    refused: Counter[str] = field(default_factory=Counter)
    """Candidates by final outcome other than `SENT`."""
    dead_letters: Counter[str] = field(default_factory=Counter)

    def counting(self, records: Iterable[Record]) -> Iterator[Record]:
        """Hand the records on, each counted as it passes."""
        keys: set[bytes | None] = set()
        for record in records:
            self.count([record], keys)
            yield record

    def count(self, records: Iterable[Record], keys: set[bytes | None]) -> None:
        """Count events and customers; `keys`, of the records before, grows."""
        for record in records:
            if record.value is not None:
                self.events += 1
                keys.add(record.key)
        self.customers = len(keys)

    def merge(self, other: "Summary") -> None:
        """Add what other partitions came to over the same log, whose events are counted here."""
        self.inputs.update(other.inputs)
        self.entries.update(other.entries)
        self.transitions += other.transitions
        self.commands.update(other.commands)
        self.refused.update(other.refused)
        self.dead_letters.update(other.dead_letters)

    def add(self, statistics: Statistics) -> None:
        """Add a flush."""
        for (_, outcome), count in statistics.inputs.items():
            self.inputs[outcome] += count
        for (journey, entry), count in statistics.entries.items():
            if entry == EntryOutcome.ENTERED:
                self.entries[journey] += count
        self.transitions += sum(statistics.transitions.values())
        for (channel, _), count in statistics.commands.items():
            self.commands[channel] += count
        for (_, candidate), count in statistics.sends.items():
            if candidate not in NOT_REFUSED:
                self.refused[candidate] += count
        for (code, _), count in statistics.dead_letters.items():
            self.dead_letters[code] += count
