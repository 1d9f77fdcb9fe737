"""What a run did, for people: the same counts whether a broker was between or not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from journey_engine.decode.record import Record
from journey_engine.errors import AFTERWARDS, CandidateOutcome, EntryOutcome
from journey_engine.run.outbox import Statistics

_ON_THE_WAY: Final = frozenset({CandidateOutcome.SENT, CandidateOutcome.DEFERRED})


@dataclass(slots=True)
class Summary:
    """Counts of a run. `count` sees what goes in, `add` what a flush came to."""

    events: int = 0
    """Records but for time marks."""
    ids: int = 0
    """Different ids of customers and of visitors among them: who was linked may have had some."""
    inputs: Counter[str] = field(default_factory=Counter)
    """By outcome."""
    entries: Counter[str] = field(default_factory=Counter)
    """Instances entered, by journey."""
    transitions: int = 0
    commands: Counter[str] = field(default_factory=Counter)
    """By channel, cancellations included."""
    refused: Counter[str] = field(default_factory=Counter)
    """Candidates by final outcome other than `SENT`."""
    answered: Counter[str] = field(default_factory=Counter)
    """What was heard of those sent, by outcome."""
    dead_letters: Counter[str] = field(default_factory=Counter)

    def counting(self, records: Iterable[Record]) -> Iterator[Record]:
        """Hand the records on, each counted as it passes."""
        keys: set[bytes] = set()
        for record in records:
            self.count([record], keys)
            yield record

    def count(self, records: Iterable[Record], keys: set[bytes]) -> None:
        """Count events and ids; `keys`, of the records before, grows."""
        for record in records:
            if record.value is not None:
                self.events += 1
                if record.key is not None:
                    keys.add(record.key)
        self.ids = len(keys)

    def merge(self, other: "Summary") -> None:
        """Add what other partitions came to over the same log, whose events are counted here."""
        self.inputs.update(other.inputs)
        self.entries.update(other.entries)
        self.transitions += other.transitions
        self.commands.update(other.commands)
        self.refused.update(other.refused)
        self.answered.update(other.answered)
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
            self.decided(candidate, count)
        for (code, _), count in statistics.dead_letters.items():
            self.dead_letters[code] += count

    def decided(self, outcome: str, count: int = 1) -> None:
        """Add decisions on candidates."""
        if outcome in AFTERWARDS:
            self.answered[outcome] += count
        elif outcome not in _ON_THE_WAY:
            self.refused[outcome] += count
