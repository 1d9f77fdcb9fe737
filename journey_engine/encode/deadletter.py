"""A record that could not be applied, to the dead letters (contracts, Topics and Limits).

Key, value and headers stay as they came; what went wrong is in headers of ours behind them. A dead
letter always fits: what does not is replaced by its digest, so no record can stop a partition.
"""

import hashlib
import json
from dataclasses import dataclass

from journey_engine.decode.record import Fetched, Headers
from journey_engine.define.iso import iso_utc
from journey_engine.encode.outgoing import OutKind, OutRecord
from journey_engine.errors import DeadLetterCode

PREFIX = "__journey.errors."
MESSAGE_BYTES_MAX = 1024
STACKTRACE_BYTES_MAX = 8 * 1024
_ENVELOPE_BYTES = 256
"""More than the record batch and the record's own lengths take."""
_HEADER_BYTES = 8
"""More than the two lengths of one header take."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why: `stage` is the step that refused (`decode`, `decide`), `at` when, in milliseconds."""

    code: DeadLetterCode
    message: str
    stage: str
    at: int
    attempt: int = 1
    exception: str = ""
    stacktrace: str = ""


def encode_deadletter(record: Fetched, failure: Failure, *, record_bytes_max: int) -> OutRecord:
    """The dead letter, no larger than `record_bytes_max`.

    Over it give way, in this order until it fits: the value (its SHA-256, length and position
    stand in its place, as JSON), the original headers, the key (its SHA-256). The header
    `replaced` names them.
    """
    parts = {"value": record.value, "key": record.key}
    original = record.headers
    replaced: list[str] = []
    ours = _headers(record, failure)
    for part in ("value", "headers", "key"):
        if record_bytes(parts["key"], parts["value"], (*original, *ours)) <= record_bytes_max:
            break
        if part == "headers":
            original = ()
        else:
            parts[part] = _digest(record, parts[part] or b"")
        replaced.append(part)
    if replaced:
        ours += ((f"{PREFIX}replaced", ",".join(replaced).encode()),)
    return OutRecord(OutKind.DEADLETTER, "", parts["key"], parts["value"], (*original, *ours))


def failure_of(headers: Headers) -> dict[str, str]:
    """What the headers of a dead letter tell, by their names' last part; empty of any other
    record.
    """
    return {
        name.removeprefix(PREFIX): (content or b"").decode(errors="replace")
        for name, content in headers
        if name.startswith(PREFIX)
    }


def _headers(record: Fetched, failure: Failure) -> Headers:
    texts = {
        "code": str(failure.code),
        "message": failure.message,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "stage": failure.stage,
        "at": iso_utc(failure.at),
        "attempt": str(failure.attempt),
        "exception": failure.exception,
        "stacktrace": failure.stacktrace,
    }
    return tuple((PREFIX + name, _cut(name, text)) for name, text in texts.items() if text)


def _cut(name: str, text: str) -> bytes:
    limit = STACKTRACE_BYTES_MAX if name == "stacktrace" else MESSAGE_BYTES_MAX
    content = text.encode(errors="replace")
    return content[:limit].decode(errors="ignore").encode()


def record_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """The most that a record takes as a batch of its own."""
    size = _ENVELOPE_BYTES + len(key or b"") + len(value or b"")
    for name, content in headers:
        size += len(name.encode()) + len(content or b"") + _HEADER_BYTES
    return size


def _digest(record: Fetched, content: bytes) -> bytes:
    return json.dumps(
        {
            "sha256": hashlib.sha256(content).hexdigest(),
            "length": len(content),
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
        }
    ).encode()
