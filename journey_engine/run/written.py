"""The files of a run: JSON lines, one output each, in the order of the run."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from journey_engine.decide.decision import Command, SendDecision, Transition
from journey_engine.run.outbox import DeadLetter
from journey_engine.run.replay import Logged

FILES: dict[type, str] = {
    Command: "commands.jsonl",
    Transition: "transitions.jsonl",
    SendDecision: "decisions.jsonl",
}


def output_fields(output: Command | Transition | SendDecision) -> dict[str, Any]:
    """The output under the names of its record in `schemas/`, times in milliseconds."""
    fields: dict[str, Any] = msgspec.structs.asdict(output)
    if not isinstance(output, SendDecision):
        fields["causation"] = msgspec.structs.asdict(output.causation)
        # Traces are headers, no fields of a record.
        del fields["causation"]["traceparent"]
        fields.pop("linked", None)
    if isinstance(output, Transition):
        fields["from"] = fields.pop("from_stage")
        fields["to"] = fields.pop("to_stage")
    return fields


class Line(NamedTuple):
    """A line of one of the files, with its place in the order of the run."""

    at: int
    partition: int
    sequence: int
    file: str
    text: bytes


def lines(logged: Iterable[Logged]) -> Iterator[Line]:
    """The outputs as lines; dead letters have none."""
    encoder = msgspec.json.Encoder(order="sorted")
    for at, partition, sequence, output in logged:
        if not isinstance(output, DeadLetter):
            text = encoder.encode(output_fields(output)) + b"\n"
            yield Line(at, partition, sequence, FILES[type(output)], text)


def write_lines(written: Iterable[Line], directory: Path) -> None:
    """Write `commands.jsonl`, `transitions.jsonl` and `decisions.jsonl` into the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context((directory / name).open("wb")) for name in FILES.values()
        }
        for line in written:
            files[line.file].write(line.text)
