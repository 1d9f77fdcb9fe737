"""Golden commands: what a channel may be asked for, as its sender reads it, in each frame."""

import struct
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID, uuid5

from msgspec.structs import replace

from journey_engine.contract.channels import Company
from journey_engine.contract.golden import (
    AT,
    REGISTRY_GUID,
    REGISTRY_ID,
    TRACEPARENT,
    Golden,
    plain,
)
from journey_engine.decide.decision import Command, Experiment, JourneyRef
from journey_engine.decide.event import Origin
from journey_engine.decode.frame import BODY_OF_SINGLE_OBJECT, SCHEMA_ID_HEADER
from journey_engine.decode.record import Headers
from journey_engine.decode.whole import read_whole
from journey_engine.define.action_plan import ActionKind
from journey_engine.encode.command import encode_command

HOUR: Final = 3_600_000
CANCEL: Final = "CANCEL"
_SPACE: Final = UUID("5d2c1a7e-3c0b-4f5e-9a44-0c5a8a1f6b21")
_DATA: Final = {
    "text": "Zoë 北京 🛒",
    "count": 3,
    "amount": 99.5,
    "member": True,
    "items": ["i-1", "i-2"],
    "nothing": None,
}
"""A value of each type that `data` may have."""
_OF_ACTION: Final[Mapping[ActionKind, Mapping[str, object]]] = {
    ActionKind.SEND: {},
    ActionKind.ROUTE: {"content": "agent", "reply_to": "call-1"},
    ActionKind.SHOW: {"slot": "home"},
    ActionKind.TASK: {"team": "team-1", "ack_by": AT + HOUR // 4, "due_at": AT + HOUR},
    ActionKind.SYNC: {"content": "audience-1", "op": "add"},
}


def command_id(name: str) -> str:
    """The id of the command so called, the same each time."""
    return str(uuid5(_SPACE, name))


def example_command(name: str, action: ActionKind, channel: str, topic: str) -> Command:
    """A command for the customer c-1, at once and for an hour; `topic` is the cause's."""
    command = Command(
        command_id=command_id(name),
        action=action.value,
        send_id="example",
        attempt=0,
        channel=channel,
        customer_id="c-1",
        anonymous_id=None,
        content="example-content",
        data={},
        theme=None,
        purpose="service",
        priority=50,
        created_at=AT,
        not_before=AT,
        not_after=AT + HOUR,
        cancels=None,
        journey=JourneyRef("example", 1, None, "start", 1),
        causation=Origin("e-1", topic, 0, 17),
        decision_id=command_id(f"{name}/decision"),
    )
    return replace(command, **_OF_ACTION[action])


def golden_commands(company: Company) -> Iterator[Golden]:
    """One of each action that a channel takes, then what else a sender meets."""
    made = _Maker(company)
    for action in ActionKind:
        if action in made.channels:
            about = f"{action}: {made.channels[action]} is asked"
            yield made.command(action.lower(), action, about)
    if ActionKind.SYNC in made.channels:
        off = {"op": "remove"}
        yield made.command("sync-remove", ActionKind.SYNC, "the same audience, left", off)
    yield from made.others()


class _Maker:
    def __init__(self, company: Company) -> None:
        self._company = company
        self.channels = {
            action: channel
            for channel, actions in reversed([*company.channels.items()])
            for action in actions
        }
        """By action the first channel that takes it."""
        self._first = next(action for action in ActionKind if action in self.channels)

    def command(
        self,
        name: str,
        action: ActionKind,
        about: str,
        changes: Mapping[str, object] | None = None,
        headers: Headers | None = None,
    ) -> Golden:
        channel = self.channels[action]
        cause = next(iter(self._company.topics.inputs.values())).name
        command = replace(example_command(name, action, channel, cause), **dict(changes or {}))
        record = encode_command(command, self._company.schemas)
        value = record.value or b""
        return Golden(
            f"commands/{name}",
            about,
            self._company.topics.commands[channel].name,
            record.key,
            value,
            record.headers if headers is None else (*record.headers, *headers),
            schema="Command.avsc",
            fields=plain(read_whole(value, self._company.schemas)[1]),
        )

    def others(self) -> Iterator[Golden]:
        first = self._first
        later = {"not_before": AT + HOUR // 6}
        for name, about, changes in (
            ("every-field", "every optional field set, a value of each type in data", FULL),
            ("sparse", "null wherever the schema allows it", {"not_after": None}),
            ("visitor", "of a visitor: the key is the anonymous id", _VISITOR),
            ("account", "of an account alone: the key is the account's id", _ACCOUNT),
            ("expires", "to be dropped from a minute on", {"not_after": AT + 60_000}),
            ("later", "to be kept for ten minutes; the next message takes it back", later),
        ):
            yield self.command(name, first, about, changes)
        taken = {"action": CANCEL, "cancels": command_id("later"), "created_at": AT + 1_000}
        yield self.command("cancel", first, "takes the message before it back", taken)
        traced = Origin("e-1", "interactions.web.v1", 0, 17, TRACEPARENT)
        cause = {"causation": traced}
        yield self.command("traced", first, "carries on its event's trace", cause)
        linked = cause | {"linked": True}
        yield self.command("linked", first, "of a timer: linked to the trace that set it", linked)
        yield from self._framed()

    def _framed(self) -> Iterator[Golden]:
        number, guid = struct.pack(">xI", REGISTRY_ID), b"\x01" + UUID(REGISTRY_GUID).bytes
        about = f"behind the id {REGISTRY_ID} of a registry"
        plain_one = self.command("registry-prefix", self._first, about)
        body = (plain_one.value or b"")[BODY_OF_SINGLE_OBJECT:]
        yield plain_one._replace(value=number + body)
        for name, about, content in (
            ("registry-header", f"the id {REGISTRY_ID} in a header", number),
            ("registry-guid", f"the GUID {REGISTRY_GUID} in a header", guid),
        ):
            header = ((SCHEMA_ID_HEADER, content),)
            made = self.command(name, self._first, about, headers=header)
            yield made._replace(value=(made.value or b"")[BODY_OF_SINGLE_OBJECT:])


FULL: Final[Mapping[str, object]] = {
    "data": _DATA,
    "theme": "theme-1",
    "account_id": "a-1",
    "journey": JourneyRef("example", 2, "key-1", "start", 3),
    "experiment": Experiment("experiment-1", "arm-a", 0.5, contaminated=False),
    "attempt": 1,
}
"""Every optional field that any action may have."""
_VISITOR: Final = {"customer_id": None, "anonymous_id": "device-1"}
_ACCOUNT: Final = {"customer_id": None, "account_id": "a-1"}
