"""Bodies of events, sound ones and damaged ones, the same for the same seed."""

import io
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fastavro import schemaless_writer

from journey_engine.schemas import EventSchema, Schemas

ROOT = Path(__file__).parents[2]
DAMAGED = 40
"""How many damaged bodies are made of a sound one."""
STARTS = ("", "a", "c1", "shop", "2026-11-22", "Zürich", "日本", "🛒" * 3, "x" * 70)
WHOLE = (0, 1, -1, 63, 64, -65, 2**31 - 1, -(2**31), 2**40, 2**63 - 1, -(2**63))
PARTS = (0.0, -0.0, 1.5, -1e300, float("inf"), float("nan"))


class Body(NamedTuple):
    """Of which version of which type it is meant to be."""

    schema: EventSchema
    data: bytes
    sound: bool


def catalogue() -> Schemas:
    """The project's schemas, and a type of two versions that has a field of every kind."""
    files = {str(path): path.read_text(encoding="utf-8") for path in ROOT.glob("schemas/**/*.avsc")}
    shared = json.loads((ROOT / "schemas/events/OrderPlaced/1.avsc").read_text(encoding="utf-8"))
    then, now = ["red", "green", "blue"], ["green", "red"]
    kinds = (
        ("flag", "boolean", "boolean"),
        ("small", "int", "double"),
        ("large", "long", "float"),
        ("half", "float", "double"),
        ("real", "double", "double"),
        ("text", "string", ["null", "string"]),
        ("color", _enum(then), _enum(now)),
        ("at", {"type": "long", "logicalType": "timestamp-millis"}, None),
        ("tags", {"type": "array", "items": "string"}, {"type": "array", "items": "string"}),
        ("attributes", {"type": "map", "values": "string"}, {"type": "map", "values": "string"}),
        ("gone", ["null", {"type": "map", "values": "string"}], None),
        ("maybe", ["null", "int"], ["null", "float"]),
    )
    for version in (1, 2):
        fields = [
            {"name": name, "type": kind, "doc": name}
            | ({"default": None} if isinstance(kind, list) else {})
            for name, *of in kinds
            if (kind := of[version - 1]) is not None
        ]
        added = [{"name": "added", "type": "string", "default": "new", "doc": "Added."}]
        text = {
            "type": "record",
            "name": "AllKinds",
            "namespace": "journey.events",
            "fields": [*shared["fields"][:8], *fields, *(added if version == 2 else [])],
        }
        files[f"events/AllKinds/{version}.avsc"] = json.dumps(text)
    return Schemas.parse(files)


def _enum(symbols: list[str]) -> dict[str, object]:
    return {"type": "enum", "name": "Color", "symbols": symbols, "default": symbols[0]}


def bodies(schemas: Schemas, seed: int) -> Iterator[Body]:
    """Without end."""
    chance = random.Random(seed)
    versions = list(schemas.by_fingerprint.values())
    versions += [each for each in versions if each.name == "AllKinds"] * 10
    while True:
        schema = chance.choice(versions)
        sound = sound_body(schema, chance)
        yield Body(schema, sound, sound=True)
        for _ in range(DAMAGED):
            yield Body(schema, damaged(sound, chance), sound=False)


def sound_body(schema: EventSchema, chance: random.Random) -> bytes:
    out = io.BytesIO()
    fields = {field["name"]: _value(field["type"], chance) for field in schema.wire["fields"]}
    schemaless_writer(out, schema.wire, fields)
    return out.getvalue()


def _value(kind: Any, chance: random.Random) -> object:
    if isinstance(kind, list):
        return None if chance.random() < 0.4 else _value(kind[1], chance)
    name = kind["type"] if isinstance(kind, dict) else kind
    makes: dict[str, Callable[[], object]] = {
        "boolean": lambda: chance.random() < 0.5,
        "int": lambda: chance.choice([n for n in WHOLE if abs(n) <= 2**31 - 1]),
        "long": lambda: chance.choice(WHOLE),
        "float": lambda: chance.choice([0.0, -0.0, 1.5, float("nan")]),
        "double": lambda: chance.choice(PARTS),
        "string": lambda: chance.choice(STARTS),
        "enum": lambda: chance.choice(kind["symbols"]),
        "array": lambda: [_value("string", chance) for _ in range(chance.randrange(4))],
        "map": lambda: {_value("string", chance): _value("string", chance) for _ in range(3)},
    }
    return makes[name]()


def _varint(number: int) -> bytes:
    rest, out = (number << 1) ^ (number >> 63), bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*out, rest])


ODD = (
    *(_varint(number) for number in (*WHOLE, 2, 3, -2, 10**6, 2**62)),
    b"\x80\x00",  # longer than it need be
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x7f",
    b"\x80" * 12 + b"\x00",
    b"\xff" * 20,
    b"\x06\xed\xa0\x80",  # a surrogate
    b"\x04\xc0\x80",  # a nul in two bytes
    struct.pack("<d", float("nan")),
)
"""Lengths, counts, branches and texts that no writer leaves."""


def damaged(sound: bytes, chance: random.Random) -> bytes:
    """The body after one to three accidents; it may still be sound."""
    data = bytearray(sound)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        place = int(chance.random() * (len(data) + 1))
        match int(chance.random() * 7):
            case 0:
                del data[place:]
            case 1:
                data[place : place + 1] = bytes([int(chance.random() * 256)])
            case 2:
                data[place : place + 1] = chance.choice(ODD)
            case 3:
                data[place:place] = chance.choice(ODD)
            case 4:
                del data[place : place + 1 + int(chance.random() * 3)]
            case 5:
                data[place:place] = data[: int(chance.random() * 20)]
            case _ if place < len(data):
                data[place] ^= 1 << int(chance.random() * 8)
            case _:
                data.append(0)
    return bytes(data)
