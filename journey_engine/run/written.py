"""The files of a run: JSON lines, one output each, in the order of the run."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from journey_engine.decide.decision import Command, Experiment, JourneyRef, SendDecision, Transition
from journey_engine.decide.origin import Origin
from journey_engine.run.outbox import DeadLetter
from journey_engine.run.replay import Logged

BUFFER_BYTES: Final = 1024 * 1024
"""Of each file."""
FILES: dict[type, str] = {
    Command: "commands.jsonl",
    Transition: "transitions.jsonl",
    SendDecision: "decisions.jsonl",
}


_RENAMED: Final = {"from_stage": "from", "to_stage": "to"}


class _Shape:
    """A kind of record with its fields in the order of their names, as JSON has them."""

    def __init__(self, kind: type[msgspec.Struct], *left_out: str) -> None:
        fields = kind.__struct_fields__
        kept = sorted(set(fields) - set(left_out), key=lambda name: _RENAMED.get(name, name))
        self._make: Any = msgspec.defstruct(kind.__name__, kept, rename=_RENAMED, gc=False)
        self._values: Any = itemgetter(*map(fields.index, kept))

    def of(self, record: msgspec.Struct) -> Any:  # noqa: ANN401 - a struct of no class known here
        """The record in this shape."""
        return self._make(*self._values(msgspec.structs.astuple(record)))


# Traces are headers, no fields of a record.
_CAUSATION: Final = _Shape(Origin, "traceparent")
_EXPERIMENT: Final = _Shape(Experiment)
_JOURNEY: Final = _Shape(JourneyRef)
_COMMAND: Final = _Shape(Command, "linked")
_TRANSITION: Final = _Shape(Transition)
_DECISION: Final = _Shape(SendDecision)


def _shaped(output: Command | Transition | SendDecision) -> object:
    """The output under the names of its record in `schemas/`, times in milliseconds."""
    if isinstance(output, SendDecision):
        return _DECISION.of(output)
    if isinstance(output, Command):
        shaped = _COMMAND.of(output)
        shaped.journey = _JOURNEY.of(output.journey)
    else:
        shaped = _TRANSITION.of(output)
    shaped.causation = _CAUSATION.of(output.causation)
    if output.experiment is not None:
        shaped.experiment = _EXPERIMENT.of(output.experiment)
    return shaped


class Line(NamedTuple):
    """A line of one of the files, with its place in the order of the run."""

    at: int
    partition: int
    sequence: int
    file: str
    text: bytes


def lines(logged: Iterable[Logged]) -> Iterator[Line]:
    """The outputs as lines; dead letters have none."""
    encoder = msgspec.json.Encoder(order="deterministic")
    for at, partition, sequence, output in logged:
        if not isinstance(output, DeadLetter):
            text = encoder.encode(_shaped(output)) + b"\n"
            yield Line(at, partition, sequence, FILES[type(output)], text)


def write_lines(written: Iterable[Line], directory: Path) -> None:
    """Write `commands.jsonl`, `transitions.jsonl` and `decisions.jsonl` into the directory: those
    that lay there stay where it fails.
    """
    directory.mkdir(parents=True, exist_ok=True)
    fresh = {name: directory / f"{name}.tmp" for name in FILES.values()}
    with ExitStack() as left:
        for path in fresh.values():
            left.callback(_remove, path)
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(path.open("wb", BUFFER_BYTES))
                for name, path in fresh.items()
            }
            for line in written:
                files[line.file].write(line.text)
        for name, path in fresh.items():
            path.replace(directory / name)


def put_by(written: Iterable[Line], path: Path) -> None:
    """Write the lines into one file, from which `taken_up` has them again."""
    with path.open("wb", BUFFER_BYTES) as file:
        for at, partition, sequence, name, text in written:
            file.write(b"%d %d %d %s %s" % (at, partition, sequence, name.encode(), text))


def taken_up(path: Path) -> Iterator[Line]:
    """The lines that `put_by` wrote, one after the other."""
    with path.open("rb") as file:
        for each in file:
            at, partition, sequence, name, text = each.split(b" ", 4)
            yield Line(int(at), int(partition), int(sequence), name.decode(), text)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
