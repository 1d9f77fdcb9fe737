"""The inputs of a decision (rule T1). Times are milliseconds since the epoch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from journey_engine.define.expression import Value
else:
    Value = Any
    """msgspec reads no recursive union, and an event is read back where it was forwarded."""


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where an input lay: the `causation` of what follows from it.

    `traceparent` is the W3C trace context that its record carried.
    """

    event_id: str
    topic: str
    partition: int
    offset: int
    traceparent: str | None = None


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something a customer did or that befell them.

    `fields` holds what the plan reads of the record, shared fields among them, as plain values;
    `digest` is a 4-byte checksum of the body, to tell a repeat from a conflict (rule T6);
    `recorded_at` is the record's own timestamp (rule T2).
    """

    type: str
    event_id: str
    customer_id: str | None
    anonymous_id: str | None
    occurred_at: int
    channel: str
    source: str
    fields: Mapping[str, Value]
    digest: bytes
    recorded_at: int
    origin: Origin
    backfill: bool = False
    account_id: str | None = None
    """Where it is the account's copy: the account. The customer is the member whose event it was
    (rule M3).
    """


class TimersDue(msgspec.Struct, frozen=True, gc=False):
    """The partition's clock passed the due time of a timer of this customer (rule T4).

    All timers due at or before `up_to` fire.
    """

    customer_id: str | None
    anonymous_id: str | None
    up_to: int
    account_id: str | None = None
    origin: ClassVar[None] = None
    """No record led to it."""
