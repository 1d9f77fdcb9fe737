"""A command as a sender reads it: the fields of `schemas/Command.avsc`."""

from datetime import datetime
from typing import Any

import msgspec

from journey_engine.client.errors import CommandError
from journey_engine.decode.record import Headers
from journey_engine.decode.whole import read_whole
from journey_engine.encode.command import LINK_HEADER
from journey_engine.errors import RecordError
from journey_engine.schemas import Schemas


class JourneyRef(msgspec.Struct, frozen=True):
    """The place in a journey that a command comes from."""

    name: str
    version: int
    key: str | None
    stage: str
    entry_no: int


class Causation(msgspec.Struct, frozen=True):
    """The input that a command follows from."""

    event_id: str
    topic: str
    partition: int
    offset: int


class Experiment(msgspec.Struct, frozen=True):
    """The experiment that decided a command; `propensity` is the arm's share, 0 to 1."""

    id: str
    arm: str
    propensity: float
    contaminated: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel is asked to do; times are datetimes in UTC.

    The same `command_id` is the same command. `action` is SEND, ROUTE, SHOW, TASK, SYNC or CANCEL;
    of a CANCEL `cancels` is the command that it takes back.
    """

    command_id: str
    action: str
    send_id: str
    attempt: int
    channel: str
    customer_id: str | None
    anonymous_id: str | None
    account_id: str | None = None
    content: str
    data: dict[str, Any]
    theme: str | None
    purpose: str
    priority: int
    created_at: datetime
    not_before: datetime
    not_after: datetime | None
    cancels: str | None
    reply_to: str | None
    slot: str | None
    team: str | None
    op: str | None
    ack_by: datetime | None
    due_at: datetime | None
    journey: JourneyRef
    experiment: Experiment | None
    causation: Causation
    decision_id: str
    traceparent: str | None = None
    """The trace of the event that it follows from (W3C)."""
    linked: bool = False
    """Whether a timer decided it: its trace is to be linked then, not carried on."""


def read_command(value: bytes | None, headers: Headers, schemas: Schemas) -> Command:
    """A record's value to the command in it.

    Raises:
        CommandError: the bytes are no command, or of a schema that is not in `schemas`.
    """
    if value is None:
        raise CommandError("a record without a value lies among the commands")
    try:
        name, fields = read_whole(value, schemas, headers)
        if name != "Command":
            raise CommandError(f"a {name} lies among the commands")
        return msgspec.convert({**fields, **_trace(headers)}, Command)
    except RecordError as error:
        raise CommandError(f"{error}; is the folder of schemas the workers' own?") from error
    except msgspec.ValidationError as error:
        raise CommandError(f"not a command of this version: {error}") from error


def _trace(headers: Headers) -> dict[str, object]:
    for name, linked in (("traceparent", False), (LINK_HEADER, True)):
        for header, value in headers:
            if header == name and value:
                return {"traceparent": value.decode(errors="replace"), "linked": linked}
    return {}
