"""Foreign tables to events: what a row means is said in a `.map.yaml` file. Pure.

The form is described in `schemas/README.md`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, ValidationError

from journey_engine.decode.log import Place, milliseconds
from journey_engine.define.loader import Node, parse_yaml
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Schemas

_COLUMN = re.compile(r"\{([^{}]+)\}")
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

Constant = bool | int | float | str | None


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Lookup(_Model):
    """A column's text, translated by `values` where given (a text not listed is an error)."""

    column: str
    values: dict[str, Constant] | None = None


class TimeColumn(_Model):
    """The column of `occurred_at`: `format` as for strptime, local time of `zone`."""

    column: str
    format: str
    zone: str = "UTC"


Source = Constant | Lookup
"""Text may name columns: `"order-{order_id}"`; `{event_id}` is the row's id, where the table has
no such column."""


class EventRule(_Model):
    """What a row becomes."""

    type: str
    fields: dict[str, Source] = {}


class TableMapping(_Model):
    """A whole mapping document.

    `event` is the column that names what happened, `events` says what each name becomes. `fields`
    are given to every event whose type has them; those of an event rule come before.
    `order: time` says that rows do not lie in order of time and must be sorted.
    """

    event: str
    time: TimeColumn
    events: dict[str, EventRule]
    fields: dict[str, Source] = {}
    order: Literal["file", "time"] = "file"


def parse_mapping(path: str, text: str, schemas: Schemas) -> TableMapping:
    """Read a mapping document.

    Raises:
        DefinitionErrors: its form is wrong, or it names a type, field or zone that is not there.
    """
    node = parse_yaml(path, text)
    try:
        mapping = TableMapping.model_validate(node.value)
    except ValidationError as error:
        raise DefinitionErrors(
            [_error(path, node, each["loc"], each["msg"]) for each in error.errors()]
        ) from None
    errors = [_error(path, node, *each) for each in _unknown(mapping, schemas)]
    if errors:
        raise DefinitionErrors(errors)
    return mapping


def map_row(
    mapping: TableMapping, schemas: Schemas, row: Mapping[str, str], place: Place
) -> dict[str, Any]:
    """The event that a row means, as a line of an event log would say it.

    Its id is a hash of the row's number and content: the same file gives the same ids.

    Raises:
        DefinitionErrors: the row names an event, or holds a value, that the mapping does not know.
    """
    name = _cell(row, mapping.event, place)
    rule = mapping.events.get(name)
    if rule is None:
        place.refuse(f"the mapping says nothing of {mapping.event} {name!r}")
    event_id = _row_id(row, place)
    columns = {"event_id": event_id, **row}
    fields = schemas.events[rule.type].fields
    event: dict[str, Any] = {
        "type": rule.type,
        "event_id": event_id,
        "occurred_at": _time(mapping.time, row, place),
    }
    for target, source in {**mapping.fields, **rule.fields}.items():
        if target in fields:
            field = fields[target]
            event[target] = _value(source, columns, field.kind, place, nullable=field.nullable)
    return event


def _row_id(row: Mapping[str, str], place: Place) -> str:
    content = "\x1f".join([str(place.line), *row.values()])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def _time(time: TimeColumn, row: Mapping[str, str], place: Place) -> int:
    text = _cell(row, time.column, place)
    try:
        local = datetime.strptime(text, time.format)  # noqa: DTZ007 - the zone follows
    except ValueError:
        place.refuse(f"{time.column} {text!r} is not in the form {time.format}")
    moment = local if local.tzinfo else local.replace(tzinfo=ZoneInfo(time.zone))
    return milliseconds(moment, place)


def _value(
    source: Source, columns: Mapping[str, str], kind: str, place: Place, *, nullable: bool
) -> object:
    if isinstance(source, Lookup):
        text = _cell(columns, source.column, place)
        if source.values is not None:
            if text not in source.values:
                place.refuse(f"the mapping says nothing of {source.column} {text!r}")
            return source.values[text]
    elif isinstance(source, str):
        text = _COLUMN.sub(lambda found: _cell(columns, found[1], place), source)
    else:
        return source
    if not text and nullable:
        return None
    return _typed(text, kind, place)


def _typed(text: str, kind: str, place: Place) -> object:
    try:
        match kind:
            case "int":
                return int(text)
            case "double":
                return float(text)
            case "bool":
                return _TRUTH[text.lower()]
            case "list<string>":
                return [each.strip() for each in text.split(",") if each.strip()]
            case _:
                return text
    except (ValueError, KeyError):
        place.refuse(f"{text!r} is no {kind}")


def _cell(row: Mapping[str, str], column: str, place: Place) -> str:
    if column not in row:
        place.refuse(f"there is no column {column}")
    return row[column]


_Fault = tuple[tuple[str | int, ...], str]


def _unknown(mapping: TableMapping, schemas: Schemas) -> Iterator[_Fault]:
    try:
        ZoneInfo(mapping.time.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield ("time", "zone"), f"there is no time zone {mapping.time.zone}"
    had: set[str] = set()
    for name, rule in mapping.events.items():
        schema = schemas.events.get(rule.type)
        if schema is None:
            yield ("events", name, "type"), f"there is no event type {rule.type}"
            continue
        had |= schema.fields.keys()
        for field in sorted(rule.fields.keys() - schema.fields.keys()):
            yield ("events", name, "fields", field), f"{rule.type} has no field {field}"
    for field in sorted(mapping.fields.keys() - had):
        yield ("fields", field), f"no event type named here has a field {field}"


def _error(path: str, node: Node, location: tuple[str | int, ...], message: str) -> DefinitionError:
    """The error at the innermost part of `location` that the file has."""
    for part in location:
        if part not in node.children:
            break
        node = node.children[part]
    return DefinitionError(path, node.line, node.column, "MAPPING", message)
