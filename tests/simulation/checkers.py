"""What a finished run is held against the core for. Works on records as a reader sees them."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from fastavro import schemaless_reader

from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, Run, decode_ledger
from journey_engine.encode.position import POSITION_KEY, Position, decode_position
from tests.run.shop import SCHEMAS
from tests.simulation.oracle import Written

_FRAME_BYTES = 10
"""Of Avro's single-object encoding."""


@dataclass(slots=True)
class Findings:
    """How often each promise was broken; `examples` says where, a line each."""

    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    timers_twice: int = 0
    ledger: int = 0
    clock_back: int = 0
    states: int = 0
    retaken: int = 0
    """Inputs taken again although nothing had gone wrong."""
    stuck: int = 0
    examples: list[str] = field(default_factory=list)

    def say(self, what: str, count: int, example: str) -> None:
        if count:
            setattr(self, what, getattr(self, what) + count)
            self.examples.append(f"{what}: {example}")

    @property
    def clean(self) -> bool:
        return not self.examples

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in asdict(self).items() if name != "examples"}


def ledger_entries(records: Iterable[Record]) -> list[LedgerEntry]:
    return [decode_ledger(record.value or b"") for record in records]


def once_each(entries: Iterable[LedgerEntry], found: Findings, place: str) -> list[LedgerEntry]:
    """Attempts of one flush counted once; they must say the same."""
    by_number: dict[int, LedgerEntry] = {}
    for entry in entries:
        known = by_number.setdefault(entry.flush, entry)
        found.say("ledger", int(known != entry), f"{place}: flush {entry.flush} came out otherwise")
    return list(by_number.values())


def check_ledger(
    entries: Sequence[LedgerEntry],
    log: Mapping[tuple[str, int], Record],
    found: Findings,
    place: str,
) -> None:
    """Each flush once and in order, each offset once and in order, `now` never back."""
    numbers = [entry.flush for entry in entries]
    in_order = numbers == list(range(1, len(numbers) + 1))
    found.say("ledger", int(not in_order), f"{place}: flushes {numbers}")
    taken: defaultdict[str, list[int]] = defaultdict(list)
    clock = -1
    for entry in entries:
        for step in entry.steps:
            if isinstance(step, Run):
                span = range(step.first, step.last + 1)
                taken[step.topic] += [o for o in span if (step.topic, o) in log]
            if step.now is not None:
                found.say("clock_back", int(step.now < clock), f"{place}: {clock}, then {step.now}")
                clock = max(clock, step.now)
    for topic in sorted({topic for topic, _ in log} | set(taken)):
        there = sorted(offset for name, offset in log if name == topic)
        if taken[topic] != there:
            found.say("ledger", 1, f"{place}: took {taken[topic]} of {topic}, where {there} lie")


def check_written(
    actual: Sequence[Written],
    expected: Sequence[Written],
    found: Findings,
    place: str,
    *,
    once: bool,
) -> None:
    """Bodies and, for each key, their order.

    `once` False: the same bytes may come again, and the last time counts for the order, since what
    came before may be an attempt of which a batch was refused.
    """
    if not once:
        actual, expected = _last_times(actual), _last_times(expected)
    lost, more = Counter(expected) - Counter(actual), Counter(actual) - Counter(expected)
    found.say("lost", lost.total(), f"{place}: {list(lost)[:1]}")
    found.say("duplicated", more.total(), f"{place}: {list(more)[:1]}")
    if not lost and not more:
        for key in {key for key, _ in expected}:
            wanted = [value for k, value in expected if k == key]
            got = [value for k, value in actual if k == key]
            found.say("reordered", int(wanted != got), f"{place}: key {key!r}")


def check_timers(
    transitions: Iterable[Written], found: Findings, place: str, *, once: bool
) -> None:
    """No wait of an instance runs out twice. `once` as in `check_written`."""
    written = list(transitions) if once else list(dict.fromkeys(transitions))
    fired = Counter(
        (key, each["journey"], each["key"], each["entry_no"], each["from"], each["due_at"])
        for key, each in ((key, _transition(value)) for key, value in written)
        if each["trigger"] == "after"
    )
    twice = [which for which, count in fired.items() if count > 1]
    found.say("timers_twice", len(twice), f"{place}: {twice[:1]}")


def _transition(value: bytes | None) -> dict[str, Any]:
    body = io.BytesIO((value or b"")[_FRAME_BYTES:])
    read = schemaless_reader(body, SCHEMAS.records["Transition"][0], None)
    return cast("dict[str, Any]", read)


def _last_times(written: Sequence[Written]) -> list[Written]:
    return list(dict.fromkeys(reversed(written)))[::-1]


def check_states(
    changelog: Sequence[Record], expected: Mapping[str, bytes], found: Findings, place: str
) -> Position | None:
    """The changelog's last word on each customer; its last position."""
    states: dict[str, bytes] = {}
    position = None
    for record in changelog:
        assert record.key is not None
        if record.key == POSITION_KEY:
            position = decode_position(record.value or b"")
        elif record.value is None:
            states.pop(record.key.decode(), None)
        else:
            states[record.key.decode()] = record.value
    wrong = [k for k in sorted(states | dict(expected)) if states.get(k) != expected.get(k)]
    found.say("states", len(wrong), f"{place}: {wrong}")
    return position
