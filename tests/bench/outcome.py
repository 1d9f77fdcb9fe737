"""What came out of a run, held against what the job must bring about (`rules`)."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import fastavro

from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT
from tests.bench.job import CLOSER, UNREAD, Visit
from tests.bench.rules import Move, State, overdue, take

COMMAND = Path(__file__).parents[2] / "schemas" / "Command.avsc"
FOREVER_MS = 2**62
SHOWN = 3

Entered = tuple[str, str | None]
"""A stage, and the event that led to it; None where a timer did."""


class DifferentError(Exception):
    """An engine did not do the job; the message shows where."""


@dataclass
class Outcome:
    """By customer the stages entered, in their order, and the last one."""

    entered: dict[str, list[Entered]] = field(default_factory=lambda: defaultdict(list))
    stages: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> int:
        return sum(len(each) for each in self.entered.values())

    def digest(self) -> str:
        """Of the last stages of all customers."""
        text = "\n".join(f"{customer} {stage}" for customer, stage in sorted(self.stages.items()))
        return hashlib.sha256(text.encode()).hexdigest()


def expected(visits: Iterable[Visit], *, timers: bool) -> Outcome:
    """What the job brings about. With `timers` those that are pending at the end fire; without, a
    timer fires when its customer's next event is handled, for engines that cannot do more.
    """
    states: dict[str, State] = defaultdict(dict)
    outcome = Outcome()

    def enter(customer: str, moves: Iterable[Move], event_id: str | None) -> None:
        for move in moves:
            outcome.entered[customer].append((move.stage, None if move.timed else event_id))

    for visit in visits:
        if visit.kind != UNREAD:
            moves = take(states[visit.customer], visit.kind, visit.at, visit.total)
            enter(visit.customer, moves, f"e{visit.number}")
    for customer, state in states.items():
        late = overdue(state, FOREVER_MS) if timers else None
        enter(customer, () if late is None else (late,), None)
        outcome.stages[customer] = state["stage"]
    return outcome


def read_command(value: bytes) -> Mapping[str, Any]:
    """A command in the single-object encoding."""
    body = io.BytesIO(value)
    body.seek(BODY_OF_SINGLE_OBJECT)
    command = fastavro.schemaless_reader(body, _schema(), None)
    if not isinstance(command, Mapping):
        raise DifferentError("a command is no record")
    return command


@lru_cache(maxsize=1)
def _schema() -> Any:
    return fastavro.schema.load_schema(str(COMMAND))


def entered(values: Iterable[bytes], journey: str) -> dict[str, list[Entered]]:
    """By customer what the commands of a journey say, in their order; closers left out."""
    found: dict[str, list[Entered]] = defaultdict(list)
    for value in values:
        command = read_command(value)
        closer = command["customer_id"].startswith(CLOSER)
        if command["journey"]["name"] == journey and not closer:
            place = (command["journey"]["stage"], command["causation"]["event_id"])
            found[command["customer_id"]].append(place)
    return found


def compare(name: str, wanted: Outcome, found: Outcome) -> None:
    """See that both are the same; a timer's command may name any event.

    Raises:
        DifferentError: they are not.
    """
    customers = sorted(wanted.entered.keys() | found.entered.keys())
    faults = [
        f"{customer}: commands {found.entered.get(customer)}, not {wanted.entered.get(customer)}"
        for customer in customers
        if not _same(wanted.entered.get(customer, []), found.entered.get(customer, []))
    ]
    if wanted.digest() != found.digest():
        faults += [
            f"{customer}: {found.stages.get(customer)} at the end, not {stage}"
            for customer, stage in wanted.stages.items()
            if found.stages.get(customer) != stage
        ] or [f"{len(found.stages)} customers have a state, not {len(wanted.stages)}"]
    if faults:
        shown = "\n  ".join(faults[:SHOWN])
        raise DifferentError(
            f"{name} did not do the job: {found.commands} commands, not {wanted.commands}; "
            f"{len(faults)} differences, such as\n  {shown}"
        )


def _same(wanted: list[Entered], found: list[Entered]) -> bool:
    pairs = zip_longest(wanted, found, fillvalue=("", ""))
    return all(w == f or (w[1] is None and w[0] == f[0]) for w, f in pairs)
