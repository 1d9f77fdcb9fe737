"""What became of each input record: once from the topics, once from a worker's metrics.

From the topics, by plain rules and without the core: the ledger says what was taken and in which
order, the dead letters what was refused, a record's schema whether anybody reads it, its id whether
it is a repeat. What is left was decided.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from journey_engine.decide.message import Forwarded
from journey_engine.decode.decode import MARK_HEADER
from journey_engine.decode.digest import digest
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Fetched, Record
from journey_engine.decode.whole import read_whole
from journey_engine.encode.deadletter import failure_of
from journey_engine.encode.ledger import LedgerEntry, Run, decode_ledger
from journey_engine.encode.message import decode_message, is_message
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.definitions import Definitions
from journey_engine.run.naming import Names
from journey_engine.run.outbox import unforwarded
from journey_engine.run.settings import Settings
from journey_engine.run.tailing import tail

TAKEN, DECIDED, DUPLICATES = "taken", "decided", "duplicates"
SKIPPED, MARKS, FORWARDED = "skipped", "marks", "forwarded"
BODY = 10
"""Where the body begins, in the single-object encoding."""

Books = Counter[str]
"""How many records by what became of them; a dead letter by its code."""
Unit = tuple[int, int]
"""A partition and the number of a flush."""
Place = tuple[str, int, int]
"""Topic, partition and offset."""


class Findings(list[str]):
    """What cannot be: each a sentence."""


class _Later(NamedTuple):
    """A visitor's event that went on to the customer: what it is shows there."""

    unit: Unit
    event_id: str
    body: bytes
    place: Place


@dataclass
class _Partition:
    """One partition of all topics, read whole."""

    number: int
    lying: dict[tuple[str, int], Record] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    letters: dict[Place, str] = field(default_factory=dict)
    """The code by where the refused record lay."""


class TopicBooks:
    """Reads the books of each flush out of the topics. `found` is what is wrong with them."""

    def __init__(self, settings: Settings, names: Names, definitions: Definitions) -> None:
        self.found = Findings()
        self.books: defaultdict[Unit, Books] = defaultdict(Counter)
        self._settings, self._names = settings, names
        self._schemas = definitions.schemas
        self._read_types = definitions.plan.fields.keys()
        self._seen: dict[str, bytes] = {}
        """By id the digest of the body that came first."""
        self._passed_on: set[Place] = set()
        self._later: list[_Later] = []
        self._letters: dict[Place, str] = {}

    async def read(self) -> None:
        """Read all partitions.

        Raises:
            KafkaError: the broker cannot be read.
        """
        await self._read_passed_on()
        for number in range(self._names.partitions):
            self._account(await self._partition(number))
        for each in self._later:
            code = self._letters.get(each.place)
            self.books[each.unit][code or self._repeat(each.event_id, each.body)] += 1

    def between(self, after: Mapping[int, int], upto: Mapping[int, int] | None = None) -> Books:
        """The books of the flushes after these numbers, by partition, up to those."""
        total: Books = Counter()
        for (partition, flush), books in self.books.items():
            last = flush if upto is None else upto.get(partition, 0)
            if after.get(partition, 0) < flush <= last:
                total.update(books)
        return total

    async def _read_passed_on(self) -> None:
        async for record in tail(self._settings, [self._names.inbox], self._names.partitions):
            if is_message(record.headers):
                message = decode_message(record.value or b"")
                if isinstance(message, Forwarded):
                    origin = message.origin
                    self._passed_on.add((origin.topic, origin.partition, origin.offset))

    async def _partition(self, number: int) -> _Partition:
        names, found = self._names, _Partition(number)
        letters = names.outputs[OutKind.DEADLETTER]
        topics = (*names.read, names.ledger, letters)
        async for record in tail(self._settings, topics, names.partitions, only=number):
            if record.topic == names.ledger:
                found.ledger.append(decode_ledger(record.value or b""))
            elif record.topic == letters:
                self._letter(record, found)
            else:
                found.lying[record.topic, record.offset] = record
        return found

    def _letter(self, record: Record, found: _Partition) -> None:
        failure = failure_of(record.headers)
        place = (failure["topic"], int(failure["partition"]), int(failure["offset"]))
        if place in self._letters:
            self.found.append(f"two dead letters of {place}")
        self._letters[place] = found.letters[place] = failure["code"]

    def _account(self, partition: _Partition) -> None:
        inputs = frozenset(self._names.inputs)
        for entry in partition.ledger:
            unit = (partition.number, entry.flush)
            for run in (step for step in entry.steps if isinstance(step, Run)):
                for offset in range(run.first, run.last + 1):
                    record = partition.lying.pop((run.topic, offset), None)
                    if record is not None:
                        self._take(unit, record, partition)
                    elif run.topic in inputs:
                        self.found.append(f"taken twice, or never there: {run.topic} {offset}")
        left = sum(1 for topic, _ in partition.lying if topic in inputs)
        if left:
            self.found.append(f"partition {partition.number}: {left} inputs were never taken")

    def _take(self, unit: Unit, record: Fetched, partition: _Partition) -> None:
        books = self.books[unit]
        if record.topic != self._names.inbox:
            books[TAKEN] += 1
        elif is_message(record.headers):
            self._take_message(unit, record)
            return
        else:
            record = unforwarded(record)
        what = self._what(record, partition)
        if what is not None:
            books[what] += 1

    def _take_message(self, unit: Unit, record: Fetched) -> None:
        message = decode_message(record.value or b"")
        if isinstance(message, Forwarded):
            event, place = message.event, (record.topic, record.partition, record.offset)
            self._later.append(_Later(unit, event.event_id, event.digest, place))

    def _what(self, record: Fetched, partition: _Partition) -> str | None:
        """What became of a record; None: it shows elsewhere."""
        place = (record.topic, record.partition, record.offset)
        code = partition.letters.get(place)
        if code is not None:
            return code
        if record.value is None:
            return MARKS if MARK_HEADER in dict(record.headers) else "lost"
        name, fields = read_whole(record.value, self._schemas, record.headers)
        if name not in self._read_types:
            return SKIPPED
        if partition_of(record.key, self._names.partitions) != partition.number:
            return FORWARDED
        if place in self._passed_on:
            return None
        return self._repeat(fields["event_id"], digest(record.value, BODY))

    def _repeat(self, event_id: str, body: bytes) -> str:
        if event_id not in self._seen:
            self._seen[event_id] = body
            return DECIDED
        return DUPLICATES if self._seen[event_id] == body else "lost"


async def flushed(settings: Settings, names: Names) -> Mapping[int, int]:
    """By partition the last flush in the ledger."""
    last: dict[int, int] = {}
    async for record in tail(settings, [names.ledger], names.partitions):
        last[record.partition] = decode_ledger(record.value or b"").flush
    return last


def of_metrics(text: str) -> Books:
    """The books as one process's `/metrics` tells them."""
    books: Books = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name = _entry(sample.name, sample.labels)
            if name is not None and sample.value:
                books[name] += int(sample.value)
    return books


def _entry(name: str, labels: Mapping[str, str]) -> str | None:
    outcomes = {"SKIPPED": SKIPPED, "DUPLICATE": DUPLICATES, "MERGED": None}
    match name:
        case "journey_records_total":
            return TAKEN
        case "journey_marks_total":
            return MARKS
        case "journey_forwarded_total":
            return FORWARDED
        case "journey_inputs_total":
            return outcomes.get(labels["outcome"], DECIDED)
        case "journey_dead_letters_total" if labels["stage"] in ("decode", "decide"):
            return labels["code"]
    return None


def balance(books: Books) -> int:
    """Records taken less those of which it is known what became of them."""
    known = (count for what, count in books.items() if what not in (TAKEN, FORWARDED))
    return books[TAKEN] - sum(known)


def differences(one: Books, other: Books, words: str) -> Iterable[str]:
    """What two books tell differently."""
    for what in sorted(one.keys() | other.keys()):
        if one[what] != other[what]:
            yield f"{words}: {what} {one[what]} and {other[what]}"
