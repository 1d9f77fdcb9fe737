"""What a registry's answer means: an event that we read, or the reason why not."""

import json
from typing import Any

from fastavro.schema import SchemaParseException, parse_schema

from journey_engine.avro.bounded import UnboundedError, require_bounded
from journey_engine.schemas import (
    EVENT_NAMESPACE,
    AvroSchema,
    Foreign,
    Registered,
    RegistryId,
    Schemas,
    crc,
    event_schema,
    unreadable,
)

NO_SCHEMA = (
    SchemaParseException,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)
"""What comes of reading JSON that is none."""


def registered(schema_id: RegistryId, text: str, schemas: Schemas) -> Registered:
    """The schema that was registered under this id, as it is read here.

    A version of an event type that is not among the files is read as their newest one; of a type
    that has no file nobody reads a field. Bodies that could be without end are not read.
    """
    raw = record_of(text)
    if raw is None:
        return Foreign(f"schema id {schema_id} is no Avro record")
    try:
        published = schemas.by_fingerprint.get(crc(raw))
        if published is not None:
            return published
        return _unpublished(schema_id, raw, schemas)
    except UnboundedError as error:
        return Foreign(f"schema id {schema_id} has bodies without end: {error}")
    except NO_SCHEMA as error:
        return Foreign(f"schema id {schema_id} is no Avro schema: {error!r}")


def unregistered(schema_id: RegistryId) -> Foreign:
    """What a record is whose schema id the registry does not know."""
    return Foreign(f"the Schema Registry has no schema with the id {schema_id}")


def record_of(text: str) -> AvroSchema | None:
    """The JSON of a record's schema, which may still be none; None of any other text."""
    try:
        raw: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return raw if isinstance(raw, dict) and raw.get("type") == "record" else None


def _unpublished(schema_id: RegistryId, raw: AvroSchema, schemas: Schemas) -> Registered:
    parsed: Any = parse_schema(raw)
    namespace, _, name = parsed["name"].rpartition(".")
    newest = schemas.events.get(name)
    if newest is not None or namespace != EVENT_NAMESPACE:
        require_bounded(parsed)
    if namespace != EVENT_NAMESPACE:
        return Foreign(f"schema id {schema_id} is {parsed['name']}, no event", name, parsed)
    missed = [] if newest is None else unreadable(newest, parsed)
    if newest is not None and missed:
        reads = f"schema id {schema_id} is {name}, which version {newest.version} cannot read"
        return Foreign(f"{reads}: {', '.join(missed)}", name, parsed)
    return event_schema({**raw, "name": name, "namespace": namespace}, 0, {})
