"""Golden messages: records as they lie in the topics, each with what it means.

A team that writes its client in another language reads the bytes and compares, or writes the fields
and compares. They are made from the schemas, topics and channels, the same each time.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Headers
from journey_engine.errors import DeadLetterCode

AT: Final = 1_772_359_200_000
"""When all of it happens: 2026-03-01T10:00:00Z."""
TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REGISTRY_ID: Final = 7
"""What a registry would call the schema of a message in its frame."""
REGISTRY_GUID: Final = "8f14e45f-ceea-467f-a9d6-1c2e5b7a3d90"
FILE_BYTES_MAX: Final = 64 * 1024
"""A longer value, all of zeros, gets no file: its length says it."""


class Golden(NamedTuple):
    """One message. `name` is its path in the folder, without an ending.

    `fields` is what the body says, times in milliseconds since the epoch; None where it cannot be
    read. `refused` is the code that the record goes to the dead letters with; `after` the message
    that came before, where that is why.
    """

    name: str
    about: str
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = AT
    schema: str | None = None
    fields: Mapping[str, Any] | None = None
    refused: DeadLetterCode | None = None
    after: str | None = None


def files_of(messages: Iterable[Golden], partitions: int) -> dict[str, bytes]:
    """The folder's files by their path: of each message its bytes (`.bin`) and its meaning."""
    files: dict[str, bytes] = {}
    for message in messages:
        if message.value is not None and len(message.value) <= FILE_BYTES_MAX:
            files[f"{message.name}.bin"] = message.value
        meaning = json.dumps(meaning_of(message, partitions), indent=2, ensure_ascii=False)
        files[f"{message.name}.json"] = meaning.encode() + b"\n"
    return files


def meaning_of(message: Golden, partitions: int) -> dict[str, Any]:
    """The document beside the bytes."""
    key = message.key
    said: dict[str, Any] = {
        "about": message.about,
        "topic": message.topic,
        "key": None if key is None else key.decode(),
        "partition": {"of": partitions, "is": partition_of(key, partitions)},
        "timestamp": message.timestamp,
        "headers": {name: _readable(name, content or b"") for name, content in message.headers},
        "value": _value(message),
        "schema": message.schema,
        "fields": message.fields,
    }
    if message.name.startswith("commands/"):
        return said
    said["refused"] = message.refused
    return said if message.after is None else said | {"after": message.after}


def plain(value: object) -> Any:  # noqa: ANN401 - plain data
    """What Avro says, without its logical types: a time as milliseconds since the epoch."""
    match value:
        case datetime():
            return round(value.timestamp() * 1000)
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def _readable(name: str, content: bytes) -> object:
    """A header's content: text, or of a schema's id its bytes."""
    return {"hex": content.hex()} if name.startswith("__") else content.decode()


def _value(message: Golden) -> object:
    value = message.value
    if value is None:
        return None
    file = message.name.rpartition("/")[2] + ".bin"
    return file if len(value) <= FILE_BYTES_MAX else {"zeros": len(value)}
