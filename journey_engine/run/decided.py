"""What was decided, as the output topics tell it, made comparable between two apps.

Compared is what a customer or a team would notice: which instance moves where and why, what
became of each send, what each command says. Not compared are times of decision (but see
`differing`), versions, plans, ranks and traces: they are shown.
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

TRANSITION, DECISION, COMMAND = range(3)
"""Kinds, in the order in which they follow from each other."""

_COMPARED: Final[Mapping[int, tuple[str, ...]]] = {
    TRANSITION: (
        "journey", "key", "entry_no", "from", "to", "trigger", "end", "label", "milestone",
        "switch_to", "refused",
    ),
    DECISION: ("command_id", "journey", "send_id", "attempt", "outcome", "cause", "channels_tried"),
    COMMAND: (
        "command_id", "action", "send_id", "channel", "content", "data", "theme", "purpose",
        "priority", "reply_to", "slot", "team", "op", "cancels",
    ),
}  # fmt: skip
_SHOWN: Final = (
    "from", "to", "trigger", "end", "label", "milestone", "switch_to", "refused", "send_id",
    "outcome", "cause", "channels_tried", "action", "channel", "content", "data", "theme", "rank",
    "score", "rivals", "trace",
)  # fmt: skip


class Decided(msgspec.Struct, frozen=True):
    """One record. `at` is when it was decided in ms, `subject` what it is about: an instance or a
    command; `digest` of what is compared; `word` says it shortly, in words of the definitions.
    """

    kind: int
    person: str
    journey: str
    version: int
    at: int
    subject: str
    word: str
    digest: bytes
    compared: dict[str, Any]
    input: dict[str, Any] | None
    """The event that it follows from: its id, topic, partition and offset."""
    shown: dict[str, Any]
    """What the record says, and what is not compared of it."""


def read_decided(kind: int, key: bytes | None, fields: Mapping[str, Any]) -> Decided:
    """A record of one of the output topics, its fields as `read_whole` gives them."""
    ref = fields["journey"] if kind == COMMAND else fields
    journey = ref["name"] if kind == COMMAND else ref["journey"]
    at = fields[("logged_at", "decided_at", "created_at")[kind]]
    compared = {name: fields[name] for name in _COMPARED[kind]} | {"arm": _arm(fields)}
    cause = fields.get("causation")
    event = None if cause is None else cause["event_id"]
    subject = f"{ref['key']}/{ref['entry_no']}" if kind == TRANSITION else fields["command_id"]
    told = msgspec.json.encode((kind, key, compared, event), enc_hook=str, order="sorted")
    return Decided(
        kind=kind,
        person="" if key is None else key.decode(errors="replace"),
        journey=journey,
        version=ref["version"],
        at=_milliseconds(at),
        subject=f"{journey}/{subject}",
        word=_WORDS[kind](fields),
        digest=blake2b(told, digest_size=16).digest(),
        compared=msgspec.to_builtins(compared, enc_hook=str),
        input=cause,
        shown=msgspec.to_builtins(
            {name: fields[name] for name in _SHOWN if fields.get(name) not in (None, [], {})},
            enc_hook=str,
        ),
    )


def _arm(fields: Mapping[str, Any]) -> str | None:
    experiment = fields.get("experiment")
    return None if experiment is None else f"{experiment['id']}={experiment['arm']}"


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _moved(fields: Mapping[str, Any]) -> str:
    if fields["end"] is not None:
        label = "" if fields["label"] is None else f" ({fields['label']})"
        return f"ends {fields['end']}{label}"
    if fields["milestone"] is not None:
        return f"reaches {fields['milestone']}"
    return f"enters {fields['to']}" if fields["from"] is None else f"goes to {fields['to']}"


def _sent(fields: Mapping[str, Any]) -> str:
    cause = "" if fields["cause"] is None else f" ({fields['cause']})"
    return f"{fields['send_id']}: {fields['outcome']}{cause}"


def _commanded(fields: Mapping[str, Any]) -> str:
    what = f" {fields['content']}" if fields["content"] else ""
    return f"{fields['send_id']}: {fields['action']}{what} by {fields['channel']}"


_WORDS: Final = (_moved, _sent, _commanded)
