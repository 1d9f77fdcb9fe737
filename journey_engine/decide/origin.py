"""Where an input lay."""

import msgspec


class Origin(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where an input lay: the `causation` of what follows from it.

    `traceparent` is the W3C trace context that its record carried.
    """

    event_id: str
    topic: str
    partition: int
    offset: int
    traceparent: str | None = None
