"""Findings: what lies in the topics against what the oracle expects, and the ledger by itself."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from journey_engine.decode.record import Record
from journey_engine.decode.whole import read_whole
from journey_engine.encode.ledger import LedgerEntry, Run, Tick, decode_ledger
from journey_engine.encode.position import POSITION_KEY, decode_position
from journey_engine.run.merge import NEVER
from journey_engine.schemas import Schemas
from tests.chaos.oracle import Body, Expected, Shop
from tests.chaos.reading import Contents, Place

EXAMPLES = 12


@dataclass
class Findings:
    """Counts of what is wrong, and the first examples of each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, example: str, count: int = 1) -> None:
        """Note something wrong."""
        self.counts[what] += count
        if len(self.examples[what]) < EXAMPLES:
            self.examples[what].append(example)


def entries(records: Iterable[Record]) -> list[LedgerEntry]:
    """The ledger of a partition: one entry for each flush, the last where it was tried again."""
    by_flush: dict[int, LedgerEntry] = {}
    for record in records:
        entry = decode_ledger(record.value or b"")
        by_flush[entry.flush] = entry
    return [by_flush[number] for number in sorted(by_flush)]


def check_ledger(found: Findings, ledger: Contents, inputs: Contents) -> None:
    """Each flush stands in it once, each input offset is covered once and in order, and its time
    never goes back. Offsets without a record (transaction markers) may lie in a run or not.
    """
    topics = {place.topic for place in inputs}
    for place, records in ledger.items():
        flushes = [decode_ledger(record.value or b"") for record in records]
        numbers = [entry.flush for entry in flushes]
        if numbers != list(range(1, len(numbers) + 1)):
            wrong = next(at for at, n in enumerate(numbers, start=1) if n != at)
            offset = records[wrong - 1].offset
            found.add(
                "ledger_flushes", f"{place} offset {offset}: {numbers[wrong - 1]}, not {wrong}"
            )
        steps = [step for entry in entries(records) for step in entry.steps]
        _check_times(found, place, steps)
        for topic in topics:
            runs = [step for step in steps if isinstance(step, Run) and step.topic == topic]
            lying = [record.offset for record in inputs[Place(topic, place.partition)]]
            _check_cover(found, Place(topic, place.partition), runs, lying)


def _check_times(found: Findings, place: Place, steps: Sequence[Run | Tick]) -> None:
    last = NEVER
    for step in steps:
        if step.now is not None and step.now < last:
            found.add("ledger_now_back", f"{place}: {step} after {last}")
        last = max(last, last if step.now is None else step.now)


def _check_cover(found: Findings, place: Place, runs: Sequence[Run], lying: Sequence[int]) -> None:
    index, end = 0, -1
    for run in runs:
        if run.first <= end:
            found.add("ledger_again", f"{place}: {run} after {end}", end - run.first + 1)
        while index < len(lying) and lying[index] < run.first:
            found.add("ledger_gap", f"{place}: {lying[index]} before {run}")
            index += 1
        while index < len(lying) and lying[index] <= run.last:
            index += 1
        end = max(end, run.last)
    if index < len(lying):
        found.add("ledger_gap", f"{place}: from {lying[index]} on", len(lying) - index)


def up_to(inputs: Contents, ledger: Contents, settled: Mapping[Place, int]) -> Contents:
    """The inputs without what need not have been taken, and was not."""
    ends = dict(settled)
    for place, records in ledger.items() if settled else ():
        for step in (step for entry in entries(records) for step in entry.steps):
            where = Place(step.topic if isinstance(step, Run) else "", place.partition)
            if isinstance(step, Run) and where in ends:
                ends[where] = max(ends[where], step.last)
    return {
        place: [one for one in each if one.offset <= ends.get(place, one.offset)]
        for place, each in inputs.items()
    }


def check_outputs(found: Findings, expected: Expected, outputs: Contents) -> None:
    """The same bodies, each as often, and for each customer in the same order."""
    for place in {*outputs, *expected.outputs}:
        wanted = expected.outputs.get(place, [])
        lying = [_body(record) for record in outputs.get(place, [])]
        if wanted == lying:
            continue
        _check_bodies(found, place, wanted, lying)
        _check_order(found, place, wanted, lying)


def check_forwards(found: Findings, expected: Expected, inbox: Contents) -> None:
    """The same records, each once, in the inbox of the right partition."""
    for place, records in inbox.items():
        lying = [_body(record) for record in records]
        _check_bodies(found, place, expected.forwards.get(place, []), lying)


def _body(record: Record) -> Body:
    return record.key, record.value, tuple(record.headers)


def _check_bodies(
    found: Findings, place: Place, wanted: Sequence[Body], lying: Sequence[Body]
) -> None:
    should, does = Counter(wanted), Counter(lying)
    for body, count in (should - does).items():
        found.add("lost", _example(place, body), count)
    for body, count in (does - should).items():
        found.add("duplicated" if body in should else "phantom", _example(place, body), count)


def _check_order(
    found: Findings, place: Place, wanted: Sequence[Body], lying: Sequence[Body]
) -> None:
    """What is lost or doubled is counted as that alone: only what both have is compared."""
    both = set(wanted) & set(lying)
    should, does = _by_key(wanted, both), _by_key(lying, both)
    for key, bodies in should.items():
        if bodies != does[key]:
            found.add("reordered", f"{place} customer {key!r}")


def _by_key(bodies: Iterable[Body], both: set[Body]) -> Mapping[bytes | None, list[Body]]:
    by_key: defaultdict[bytes | None, dict[Body, None]] = defaultdict(dict)
    for body in bodies:
        if body in both:
            by_key[body[0]][body] = None
    return {key: list(each) for key, each in by_key.items()}


def _example(place: Place, body: Body) -> str:
    key, value, headers = body
    return f"{place} key {key!r} value {(value or b'')[:60].hex()} headers {headers[:4]}"


def check_room(found: Findings, shop: Shop, outputs: Contents) -> None:
    """No window holds more commands of a channel than it takes (rule C6)."""
    for name, channel in shop.definitions.plan.channels.items():
        if channel.capacity is None:
            continue
        most, topic = channel.capacity.most, shop.names.commands[name]
        per = timedelta(milliseconds=channel.capacity.per)
        written = [
            each for place, lying in outputs.items() if place.topic == topic for each in lying
        ]
        read = (read_whole(one.value or b"", shop.definitions.schemas)[1] for one in written)
        times = sorted(one["created_at"] for one in read if one["action"] == "SEND")
        for first, last in zip(times, times[most:], strict=False):
            if last - first < per:
                found.add("over_capacity", f"{name}: {most + 1} from {first} to {last}")


def check_timers(found: Findings, transitions: Contents, schemas: Schemas) -> None:
    """No timer of an instance that one event has set fired twice."""
    fired: Counter[tuple[Any, ...]] = Counter()
    for records in transitions.values():
        for record in records:
            fields = read_whole(record.value or b"", schemas)[1]
            if fields["trigger"] == "after":
                fired[tuple(str(fields[name]) for name in _TIMER)] += 1
    for timer, count in fired.items():
        if count > 1:
            found.add("timers_twice", f"{timer}", count - 1)


_TIMER = ("customer_id", "journey", "key", "entry_no", "from", "to", "due_at", "causation")


def check_states(
    found: Findings, expected: Expected, changelog: Contents, inputs: Contents
) -> None:
    """The changelog ends in the oracle's states, and its positions behind the last input."""
    for place, records in changelog.items():
        last = {record.key: record.value for record in records if record.key is not None}
        position = last.pop(POSITION_KEY, None)
        states = {key.decode(): value for key, value in last.items() if value is not None}
        wanted = expected.states.get(place.partition, {})
        for key in states.keys() | wanted.keys():
            if states.get(key) != wanted.get(key):
                found.add("states", f"{place} {key}")
        following = {} if position is None else decode_position(position).next_offsets
        for topic, partition in _behind(place.partition, inputs, following):
            found.add("positions", f"{topic}/{partition}")


def _behind(partition: int, inputs: Contents, following: Mapping[str, int]) -> Iterator[Place]:
    for place, records in inputs.items():
        last = records[-1].offset if records else -1
        if place.partition == partition and following.get(place.topic, 0) <= last:
            yield place


def check_letters(found: Findings, letters: Contents, sent: Mapping[str, int]) -> None:
    """Each poison record sent has exactly one dead letter of the code that it must have."""
    codes: Counter[str] = Counter()
    places: Counter[tuple[bytes | None, ...]] = Counter()
    for records in letters.values():
        for record in records:
            headers = dict(record.headers)
            error = {name: headers.get(f"__journey.errors.{name}") for name in _PLACE}
            codes[(error["code"] or b"").decode()] += error["stage"] == b"decode"
            places[tuple(error.values())] += 1
    for code in codes.keys() | sent.keys():
        if codes[code] != sent.get(code, 0):
            found.add("letters", f"{code}: {codes[code]}, sent {sent.get(code, 0)}")
    for letter, count in places.items():
        if count > 1:
            found.add("letters", f"{letter} is there {count} times")


_PLACE = ("code", "topic", "partition", "offset", "stage")


def check_inputs(found: Findings, inputs: Contents, sent: Contents) -> None:
    """What lies in the input topics is what the workload sent: else the run proves nothing."""
    for place, records in sent.items():
        wanted = [_body(record) for record in records]
        lying = [_body(record) for record in inputs.get(place, [])]
        if wanted != lying:
            found.add("input_differs", f"{place}: {len(lying)} lie there, {len(wanted)} were sent")
