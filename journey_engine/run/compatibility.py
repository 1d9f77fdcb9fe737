"""Whether schemas can be read by each other's readers, as Apache Avro's own checker sees it.

What others write or read with is held to FULL_TRANSITIVE (contracts): of any two versions each
reads what the other wrote, so publishers, workers and senders may change in any order, once all
have the schemas or a registry tells them.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from journey_engine.errors import DefinitionError
from journey_engine.schemas import AvroSchema, place_of

LEVEL = "FULL_TRANSITIVE"
_HINTS = {
    "SCHEMA_BACKWARD": "a new field needs a default; a kept field keeps its type",
    "SCHEMA_FORWARD": "a field may go, or become nullable, only where it had a default; a kept "
    "field keeps its type",
}


class CheckerMissingError(Exception):
    """Apache Avro's checker is not installed."""


class Version(NamedTuple):
    """A schema, and how it is called in a message."""

    named: str
    schema: AvroSchema


class File(NamedTuple):
    """A schema as it stands in its file."""

    path: str
    text: str
    version: Version


def findings(file: File, others: Iterable[Version]) -> list[DefinitionError]:
    """What keeps the file's schema from reading what the others wrote, or them from reading it.

    Raises:
        CheckerMissingError: the extra `registry` is not installed.
    """
    found = []
    for other in others:
        back = _unread(file.version.schema, other.schema)
        if back:
            found.append(_finding(file, other, "SCHEMA_BACKWARD", "cannot read", back))
        forth = _unread(other.schema, file.version.schema)
        if forth:
            found.append(_finding(file, other, "SCHEMA_FORWARD", "cannot be read by", forth))
    return found


def _finding(
    file: File, other: Version, code: str, verb: str, reasons: Sequence[str]
) -> DefinitionError:
    changed = _changed(file.version.schema, other.schema)
    line, column = place_of(file.text, changed[0] if changed else "")
    message = f"{file.version.named} {verb} {other.named}: {'; '.join(reasons)}"
    return DefinitionError(file.path, line, column, code, message, _HINTS[code])


def _changed(schema: AvroSchema, other: AvroSchema) -> list[str]:
    """The fields of a schema that the other has not, or not like this."""
    then = {each["name"]: _without_doc(each) for each in other.get("fields", ())}
    fields = schema.get("fields", ())
    return [each["name"] for each in fields if _without_doc(each) != then.get(each["name"])]


def _without_doc(of: AvroSchema) -> AvroSchema:
    return {name: value for name, value in of.items() if name != "doc"}


def _unread(reader: AvroSchema, writer: AvroSchema) -> list[str]:
    """Why a reader cannot read what a writer wrote; empty where it can."""
    try:
        from avro.compatibility import (  # noqa: PLC0415 - an extra
            ReaderWriterCompatibilityChecker,
            SchemaCompatibilityType,
        )
        from avro.schema import parse  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise CheckerMissingError(
            "Avro's checker is not installed: pip install 'journey-engine[registry]'"
        ) from error
    checked: Any = ReaderWriterCompatibilityChecker
    result = checked().get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    names = {each["name"] for each in reader.get("fields", ())}
    # Of a field without a default the checker tells the bare name.
    said = (f"field '{each}' has no default" if each in names else each for each in result.messages)
    return sorted(said) or ["the types differ"]
