"""What leaves the engine, before the shell gives it a topic and a partition."""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from journey_engine.avro.writing import Classes, Write, writer
from journey_engine.decide.decision import Command, Experiment, JourneyRef, SendDecision, Transition
from journey_engine.decide.event import Origin
from journey_engine.decode.frame import SINGLE_OBJECT
from journey_engine.decode.record import Headers
from journey_engine.schemas import Schemas

_CLASSES: Classes = {
    "journey.Command": Command,
    "journey.JourneyRef": JourneyRef,
    "journey.Causation": Origin,
    "journey.Experiment": Experiment,
    "journey.Transition": Transition,
    "journey.SendDecision": SendDecision,
}
_RENAMED = {"from": "from_stage", "to": "to_stage"}
"""Words that Python keeps for itself."""


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


Fields = tuple[OutKind, str, bytes | None, bytes | None, Headers]
made: Callable[[type[OutRecord], Fields], OutRecord] = tuple.__new__
"""An `OutRecord` of its fields in their order, in a fifth of the time that its call takes."""


def framed(name: str, value: Command | Transition | SendDecision, schemas: Schemas) -> bytes:
    """The value as the named record of the engine, in the frame that the schemas ask for, else in
    Avro's single-object encoding.
    """
    return _writer(name, schemas)(value)


@lru_cache(maxsize=64)
def _writer(name: str, schemas: Schemas) -> Write:
    parsed, fingerprint = schemas.records[name]
    frame = schemas.frames.get(name, SINGLE_OBJECT + fingerprint)
    return writer(parsed, _CLASSES, _RENAMED, frame)


def record_key(
    customer_id: str | None, anonymous_id: str | None, account_id: str | None = None
) -> bytes:
    """The input's key: the customer, else the visitor, else the account."""
    if customer_id is not None:
        return customer_id.encode()
    return (anonymous_id if anonymous_id is not None else account_id or "").encode()
