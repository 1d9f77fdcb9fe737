"""Records of any of the engine's topics as plain data, for people who look into a topic."""

import base64
import hashlib
from typing import Any

import msgspec

from journey_engine.decode.decode import MARK_HEADER
from journey_engine.decode.record import Record
from journey_engine.decode.whole import read_whole
from journey_engine.define.iso import iso_utc
from journey_engine.define.personal import Personal
from journey_engine.encode.deadletter import failure_of
from journey_engine.encode.ledger import decode_ledger
from journey_engine.encode.position import POSITION_KEY, decode_position
from journey_engine.encode.state import StateError, decode_any_state
from journey_engine.observe.logs import hashed
from journey_engine.run.published import TOPIC
from journey_engine.schemas import Schemas

_ROOTS = {"traits": "customer", "context": "instance", "event": "event"}
"""By part of a state, the root under which expressions read it."""
_OUR_OWN = frozenset(("event_id",))


def readable(record: Record, schemas: Schemas) -> dict[str, Any]:
    """Where the record lies, its key, and its value as far as it can be read."""
    shown: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": iso_utc(record.timestamp),
        "key": None if record.key is None else record.key.decode(errors="replace"),
    }
    failure = failure_of(record.headers)
    if failure:
        return shown | {"failure": failure} | _opaque(record.value)
    return shown | _value(record, schemas)


def _value(record: Record, schemas: Schemas) -> dict[str, Any]:
    value = record.value
    if value is None:
        mark = dict(record.headers).get(MARK_HEADER)
        return {"value": None} if mark is None else {"mark": mark.decode(errors="replace")}
    if record.topic.endswith(TOPIC):
        return _definition(value)
    if record.topic.endswith("-ledger"):
        return {"ledger": msgspec.to_builtins(decode_ledger(value))}
    if record.key == POSITION_KEY:
        return {"position": msgspec.to_builtins(decode_position(value))}
    try:
        name, fields = read_whole(value, schemas, record.headers)
    except Exception:  # noqa: BLE001 - whatever the codec makes of foreign bytes
        return _state(value)
    return {"type": name, "value": fields}


def _definition(value: bytes) -> dict[str, Any]:
    try:
        return {"definition": msgspec.json.decode(value)}
    except msgspec.DecodeError:
        return _opaque(value)


def _state(value: bytes) -> dict[str, Any]:
    try:
        return {"state": named(decode_any_state(value))}
    except StateError:
        return _opaque(value)


def named(value: object) -> Any:  # noqa: ANN401 - plain data
    """A state, or a part of one, with the names of its fields; what is as at first is left out."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        told = [field for field in fields if not _is_first(field, getattr(value, field.name))]
        names = [field.name.removeprefix("packed_") for field in told]
        return {name: named(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {str(key): named(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [named(one) for one in value]
    return value.hex() if isinstance(value, bytes) else value


def _is_first(field: msgspec.structs.FieldInfo, value: object) -> bool:
    if field.default_factory is not msgspec.NODEFAULT:
        return bool(value == field.default_factory())
    return bool(value == field.default)


def masked(record: Record, schemas: Schemas) -> dict[str, Any]:
    """As `readable`, but what is personal (`"pii": true` in the schema, the key) is a short hash,
    that of the logs; of what is no record of a schema, only its length and digest are told.
    """
    shown = readable(record, schemas)
    if shown["key"] is not None:
        shown["key"] = hashed(shown["key"])
    if isinstance(shown.get("value"), dict):
        personal = schemas.personal(shown["type"])
        shown["value"] = {
            name: hashed(str(value)) if name in personal and value is not None else value
            for name, value in shown["value"].items()
        }
    elif record.value is not None:
        for name in ("raw", "state", "ledger", "position"):
            shown.pop(name, None)
        shown |= {"bytes": len(record.value), "sha256": hashlib.sha256(record.value).hexdigest()}
    return shown


def masked_state(value: object, personal: Personal) -> Any:  # noqa: ANN401 - plain data
    """As `named`, but texts that are personal are short hashes; so are all texts that a pattern
    keeps of its events.
    """
    return _masked(named(value), personal)


def _masked(shown: Any, personal: Personal) -> Any:  # noqa: ANN401 - plain data
    if isinstance(shown, list):
        return [_masked(one, personal) for one in shown]
    if not isinstance(shown, dict):
        return shown
    return {name: _within(name, one, personal) for name, one in shown.items()}


def _within(part: str, shown: Any, personal: Personal) -> Any:  # noqa: ANN401 - plain data
    root = _ROOTS.get(part)
    if part == "values":
        return _hashed(shown)
    if not isinstance(shown, dict) or (root is None and part != "features"):
        return _masked(shown, personal)
    return {
        name: _hashed(one)
        if (name in personal.features if root is None else personal.hides(root, name))
        else _masked(one, personal)
        for name, one in shown.items()
    }


def _hashed(shown: Any) -> Any:  # noqa: ANN401 - plain data
    """With every text in it hashed but those of the engine's own."""
    if isinstance(shown, dict):
        return {k: one if k in _OUR_OWN else _hashed(one) for k, one in shown.items()}
    if isinstance(shown, list):
        return [_hashed(one) for one in shown]
    return hashed(shown) if isinstance(shown, str) else shown


def _opaque(value: bytes | None) -> dict[str, Any]:
    return {"raw": None if value is None else base64.b64encode(value).decode()}
