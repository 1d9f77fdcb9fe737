"""The inputs of a decision (rule T1). Times are milliseconds since the epoch.

Classes of their own and no structs: an event's fields are read many times for each decision, and
compiled code reaches them at once.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from journey_engine.decide.origin import Origin
from journey_engine.define.expression import Value

__all__ = ["Event", "Origin", "TimersDue", "changed", "parts"]


class Event:
    """Something a customer did or that befell them. Never changed in place.

    `fields` holds what the plan reads of the record, shared fields among them, as plain values;
    `digest` is a 4-byte checksum of the body without its time: a repeat, or a conflict (rule T6);
    `recorded_at` is the record's own timestamp (rule T2). `account_id` is set where it is the
    account's copy; the customer is then the member whose event it was (rule M3).
    """

    __slots__ = (
        "account_id",
        "anonymous_id",
        "backfill",
        "channel",
        "customer_id",
        "digest",
        "event_id",
        "fields",
        "occurred_at",
        "origin",
        "recorded_at",
        "source",
        "type",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - an event's fields
        self,
        type: str,  # noqa: A002 - its name in the contracts
        event_id: str,
        customer_id: str | None,
        anonymous_id: str | None,
        occurred_at: int,
        channel: str,
        source: str,
        fields: Mapping[str, Value],
        digest: bytes,
        recorded_at: int,
        origin: Origin,
        backfill: bool = False,  # noqa: FBT001, FBT002 - as above
        account_id: str | None = None,
    ) -> None:
        self.type: Final = type
        self.event_id: Final = event_id
        self.customer_id: Final = customer_id
        self.anonymous_id: Final = anonymous_id
        self.occurred_at: Final = occurred_at
        self.channel: Final = channel
        self.source: Final = source
        self.fields: Final = fields
        self.digest: Final = digest
        self.recorded_at: Final = recorded_at
        self.origin: Final = origin
        self.backfill: Final = backfill
        self.account_id: Final = account_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and parts(self) == parts(other)

    def __hash__(self) -> int:
        return hash((self.source, self.event_id))

    def __repr__(self) -> str:
        return f"Event({', '.join(f'{name}={value!r}' for name, value in parts(self).items())})"


def parts(event: Event) -> dict[str, Any]:
    """An event's fields by name, in their order."""
    return {
        "type": event.type,
        "event_id": event.event_id,
        "customer_id": event.customer_id,
        "anonymous_id": event.anonymous_id,
        "occurred_at": event.occurred_at,
        "channel": event.channel,
        "source": event.source,
        "fields": event.fields,
        "digest": event.digest,
        "recorded_at": event.recorded_at,
        "origin": event.origin,
        "backfill": event.backfill,
        "account_id": event.account_id,
    }


def changed(event: Event, **fields: Any) -> Event:  # noqa: ANN401 - a value of any field
    """The event with other values in some fields."""
    return Event(**{**parts(event), **fields})


class TimersDue:
    """The partition's clock passed the due time of a timer of this customer (rule T4).

    All timers due at or before `up_to` fire.
    """

    origin: ClassVar[None] = None
    """No record led to it."""

    def __init__(
        self,
        customer_id: str | None,
        anonymous_id: str | None,
        up_to: int,
        account_id: str | None = None,
    ) -> None:
        self.customer_id: Final = customer_id
        self.anonymous_id: Final = anonymous_id
        self.up_to: Final = up_to
        self.account_id: Final = account_id

    def __repr__(self) -> str:
        who = self.customer_id or self.anonymous_id or self.account_id
        return f"TimersDue({who!r}, up_to={self.up_to})"
