"""The compiled reader against fastavro over damaged bodies: `make fuzz`.

What the compiled reader accepts, fastavro accepts with the same values, to the types and the sign
of a zero. What it leaves to fastavro is no body that a writer would have made.
"""

import argparse
import io
import itertools
import random
import sys
import time
from typing import Any, NamedTuple

import pytest
from aiokafka.partitioner import murmur2 as client_murmur2
from fastavro import parse_schema, schemaless_writer
from fastavro.read import SchemaResolutionError
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_engine.avro.blocks import Scan, pure_scanner, scanner
from journey_engine.avro.native_reader import Reader as NativeReader
from journey_engine.avro.reading import Fields, Read, native_reader, pure_reader
from journey_engine.decode.native_partition import murmur2
from journey_engine.schemas import EventSchema, Schemas
from tests.native.corpus import Body, bodies, catalogue, sound_body

START = 10
"""Bytes of the frame before a body."""


class Pair(NamedTuple):
    """Both ways to read one version."""

    native: NativeReader
    pure: Read
    whole: Read


class Count(NamedTuple):
    """How the inputs came out."""

    accepted: int
    refused: int
    lenient: int
    """Accepted by fastavro alone: no writer writes so, and fastavro decides."""


class DifferenceError(AssertionError):
    """The two disagree."""


def pairs(schemas: Schemas) -> dict[int, Pair]:
    """By the identity of a version. The plan reads every other field."""
    found = {}
    for schema in schemas.by_fingerprint.values():
        newest = schemas.events[schema.name]
        resolved = None if newest is schema else newest.wire
        names = list(newest.fields)
        arguments: Any = (schema.wire, resolved, names[:6], names[::2])
        native = native_reader(*arguments)
        assert native is not None, f"{schema.name} has no compiled reader"
        whole = pure_reader(schema.wire, None, (), [f["name"] for f in schema.wire["fields"]])
        found[id(schema)] = Pair(native, pure_reader(*arguments), whole)
    return found


def compare(body: Body, pair: Pair) -> Fields | None:
    """What fastavro read, None where it refuses; raises `DifferenceError`."""
    value = b"\x00" * START + body.data
    fast = pair.native.plain(value, START)
    try:
        slow = pair.pure(value, START)
    except Exception:  # noqa: BLE001 - fastavro raises whatever it meets
        slow = None
    if fast is not None and repr(fast) != repr(slow):
        raise DifferenceError(f"{body.schema.name}, {body.data.hex()}: {fast} is not {slow}")
    if fast is None and slow is not None and (body.sound or _written(body, pair) == body.data):
        raise DifferenceError(f"{body.schema.name}, {body.data.hex()}: the compiled reader refuses")
    return slow if fast is None else fast


def _written(body: Body, pair: Pair) -> bytes:
    """The body as fastavro writes what it read from it, "" where it passed over a fault."""
    out = io.BytesIO()
    try:
        schemaless_writer(out, body.schema.wire, pair.whole(body.data, 0)[0])
    except Exception:  # noqa: BLE001 - as above
        return b""
    return out.getvalue()


def fuzz(inputs: int, seed: int) -> Count:
    """Compare so many inputs."""
    schemas = catalogue()
    known = pairs(schemas)
    accepted = refused = lenient = 0
    for body in itertools.islice(bodies(schemas, seed), inputs):
        pair = known[id(body.schema)]
        if compare(body, pair) is None:
            refused += 1
        elif pair.native.plain(body.data, 0) is None:
            lenient += 1
        else:
            accepted += 1
    return Count(accepted, refused, lenient)


def test_the_compiled_reader_agrees_with_fastavro() -> None:
    count = fuzz(40_000, seed=1)
    assert min(count) > 100, count


KNOWN = catalogue()
PAIRS = pairs(KNOWN)


@given(
    schema=st.sampled_from(list(KNOWN.by_fingerprint.values())),
    seed=st.integers(0, 20),
    place=st.integers(0, 200),
    more=st.binary(max_size=30),
    taken=st.integers(0, 30),
)
@settings(max_examples=1000)
def test_it_agrees_wherever_bytes_are_replaced(
    schema: EventSchema, seed: int, place: int, more: bytes, taken: int
) -> None:
    sound = sound_body(schema, random.Random(seed))
    data = sound[:place] + more + sound[place + taken :]
    compare(Body(schema, data, sound=False), PAIRS[id(schema)])


@given(key=st.binary(max_size=40))
def test_a_key_has_the_hash_that_the_client_gives_it(key: bytes) -> None:
    assert murmur2(key) == client_murmur2(key)


PLACING = ("customer_id", "occurred_at")
VERSIONS = list(KNOWN.by_fingerprint.values())[:3]
SCANNERS = [
    made([version.wire for version in VERSIONS], PLACING, union=True)
    for made in (scanner, pure_scanner)
]


@given(seed=st.integers(0, 20), place=st.integers(0, 200), more=st.binary(max_size=5))
def test_bodies_in_a_block_are_found_as_fastavro_finds_them(
    seed: int, place: int, more: bytes
) -> None:
    chance = random.Random(seed)
    bodies = [bytes([2 * at]) + sound_body(each, chance) for at, each in enumerate(VERSIONS)]
    for block in (b"".join(bodies), (whole := b"".join(bodies))[:place] + more + whole[place:]):
        native, pure = (_scanned(scan, block) for scan in SCANNERS)
        assert native == pure
    assert _scanned(SCANNERS[0], b"".join(bodies)) is not None


def _scanned(scan: Scan, block: bytes) -> str | None:
    try:
        return repr([tuple(each) for each in scan(block, len(VERSIONS))])
    except Exception:  # noqa: BLE001 - fastavro raises whatever it meets
        return None


def _enum(name: str, *symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": symbols, "default": symbols[0]}


TYPES: dict[str, tuple[Any, object]] = {
    "boolean": ("boolean", True),
    "int": ("int", 7),
    "long": ("long", 2**53 + 1),
    "float": ("float", 1.5),
    "double": ("double", 2.5),
    "string": ("string", "é"),
    "array": ({"type": "array", "items": "string"}, ["a"]),
    "map": ({"type": "map", "values": "string"}, {"a": "b"}),
    "enum": (_enum("Color", "red", "green"), "green"),
    "fewer symbols": (_enum("Color", "red"), "red"),
    "other enum": (_enum("Size", "red", "green"), "green"),
}
"""An Avro type and a value of it."""


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize(("then", "now"), list(itertools.product(TYPES, repeat=2)))
def test_a_type_read_as_another_is_left_to_fastavro_where_it_refuses(
    then: str, now: str, *, nullable: bool
) -> None:
    (kind, value), (other, _) = TYPES[then], TYPES[now]
    written, resolved = (_record(of) for of in (kind, ["null", other] if nullable else other))
    native = native_reader(written, resolved, (), ["x"])
    out = io.BytesIO()
    schemaless_writer(out, written, {"x": value})
    try:
        read = pure_reader(written, resolved, (), ["x"])(out.getvalue(), 0)
    except SchemaResolutionError:
        assert native is None
    else:
        assert native is not None
        assert repr(native.plain(out.getvalue(), 0)) == repr(read)


def _record(kind: object) -> Any:
    return parse_schema({"type": "record", "name": "R", "fields": [{"name": "x", "type": kind}]})


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    began = time.monotonic()
    count = fuzz(chosen.inputs, chosen.seed)
    took = time.monotonic() - began
    sys.stdout.write(f"seed {chosen.seed}: {count}, no difference, {took:.0f} s\n")


if __name__ == "__main__":
    main()
