"""A record of any topic of ours to all of its fields, for people and tools to read."""

import io
from typing import Any

from fastavro import schemaless_reader

from journey_engine.avro.bounded import UnboundedError, require_bounded
from journey_engine.decode.frame import Unframed, unframe
from journey_engine.decode.record import Headers
from journey_engine.errors import DeadLetterCode, RecordError
from journey_engine.schemas import AvroSchema, EventSchema, RegistryId, Schemas


def read_whole(value: bytes, schemas: Schemas, headers: Headers = ()) -> tuple[str, dict[str, Any]]:
    """The record's name and its fields; times are datetimes in UTC. One that the engine wrote by a
    former schema is read as by that of now.

    Raises:
        RecordError: the bytes are of no schema known here, or do not follow it.
    """
    try:
        schema_id, start = unframe(value, headers)
    except Unframed as error:
        raise RecordError(DeadLetterCode.DECODE_ERROR, str(error)) from None
    found = _schema(schema_id, schemas)
    if found is None:
        raise RecordError(DeadLetterCode.SCHEMA_UNKNOWN, f"no schema here is {schema_id!r}")
    name, written, reader = found
    try:
        fields: Any = schemaless_reader(io.BytesIO(value[start:]), written, reader)
    except Exception as error:
        raise RecordError(DeadLetterCode.DECODE_ERROR, f"{name}: {error}") from error
    return name, fields


def _schema(
    schema_id: bytes | RegistryId, schemas: Schemas
) -> tuple[str, AvroSchema, AvroSchema | None] | None:
    """The record's name, how it was written, and where that is not the same how it is read."""
    if not isinstance(schema_id, bytes):
        found = schemas.by_registry_id.get(schema_id)
    else:
        found = schemas.by_fingerprint.get(schema_id)
        for name, (schema, fingerprint) in schemas.records.items():
            if fingerprint == schema_id:
                return name, schema, None
        if (former := schemas.former.get(schema_id)) is not None:
            return *former, schemas.record(former[0])
    if found is None or found.parsed is None:
        return None
    if isinstance(found, EventSchema) and found.version == 0:
        try:
            require_bounded(found.parsed)
        except UnboundedError as error:
            raise RecordError(DeadLetterCode.SCHEMA_UNKNOWN, f"{found.name}: {error}") from None
    return found.name, found.parsed, None
