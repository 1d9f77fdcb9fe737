"""What leaves the engine, before the shell gives it a topic and a partition."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from journey_engine.decode.frame import frame
from journey_engine.decode.record import Headers
from journey_engine.encode.avro import Write, writer
from journey_engine.schemas import Schemas

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OutKind(StrEnum):
    """Which topic takes a record: commands go to their channel's, the others to one each."""

    COMMAND = "command"
    TRANSITION = "transition"
    DECISION = "decision"
    DEADLETTER = "deadletter"


class OutRecord(NamedTuple):
    """A record to be produced to the partition of its input. `channel` is a command's, else ""."""

    kind: OutKind
    channel: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


def framed(name: str, fields: Mapping[str, Any], schemas: Schemas) -> bytes:
    """The named record of the engine in Avro's single-object encoding."""
    fingerprint, write = _writer(name, schemas)
    return frame(fingerprint, write(fields))


@lru_cache(maxsize=64)
def _writer(name: str, schemas: Schemas) -> tuple[bytes, Write]:
    parsed, fingerprint = schemas.records[name]
    return fingerprint, writer(parsed)


def record_key(customer_id: str | None, anonymous_id: str | None) -> bytes:
    """The input's key: the customer, else the visitor."""
    return (customer_id if customer_id is not None else anonymous_id or "").encode()


def iso_utc(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
