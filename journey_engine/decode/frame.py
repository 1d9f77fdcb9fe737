"""The bytes before a body that name its schema (contracts, On the wire).

Avro's single-object encoding begins with `C3 01` and the fingerprint; the Confluent frame with `00`
and a registry id, which may lie in a header instead.
"""

import struct
from typing import Final
from uuid import UUID

from journey_engine.decode.record import Headers
from journey_engine.schemas import RegistryId

SINGLE_OBJECT: Final = b"\xc3\x01"
SCHEMA_ID_HEADER = "__value_schema_id"
BODY_OF_SINGLE_OBJECT: Final = 10
_ID = struct.Struct(">xI")
_GUID_LENGTH = 17


class Unframed(Exception):  # noqa: N818 - a finding about bytes, turned into a rejection at once
    """The bytes begin with no known frame; the message says how they begin."""


def frame(fingerprint: bytes, body: bytes) -> bytes:
    """The body in the single-object encoding."""
    return SINGLE_OBJECT + fingerprint + body


def id_frame(schema_id: int) -> bytes:
    """What a body begins with that names its schema by a registry's id."""
    return _ID.pack(schema_id)


def unframe(value: bytes, headers: Headers) -> tuple[bytes | RegistryId, int]:
    """The fingerprint, or the registry's id, and where the body begins.

    Raises:
        Unframed: no frame is recognised, or it is cut short.
    """
    if value[:2] == SINGLE_OBJECT and len(value) >= BODY_OF_SINGLE_OBJECT:
        return value[2:BODY_OF_SINGLE_OBJECT], BODY_OF_SINGLE_OBJECT
    for name, content in headers:
        if name == SCHEMA_ID_HEADER:
            return _registry_id(content or b""), 0
    if value[:1] == b"\x00" and len(value) >= _ID.size:
        return int(_ID.unpack_from(value)[0]), _ID.size
    raise Unframed(f"the value begins with no known frame: {value[:10].hex(' ') or 'empty'}")


def _registry_id(content: bytes) -> RegistryId:
    if content[:1] == b"\x00" and len(content) == _ID.size:
        return int(_ID.unpack(content)[0])
    if content[:1] == b"\x01" and len(content) == _GUID_LENGTH:
        return UUID(bytes=content[1:])
    raise Unframed(f"header {SCHEMA_ID_HEADER} holds no schema id: {content[:20].hex(' ')}")
