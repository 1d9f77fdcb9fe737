"""Offsets of a lost cluster to those of its copy."""

import struct

import pytest

from journey_engine.decode.record import Record
from journey_engine.run.offset_syncs import Span, Syncs, decode_sync

PLACE = ("interactions.web.v1", 3)


def sync(topic: str, partition: int, source: int, copy: int) -> Record:
    name = topic.encode()
    key = struct.pack(f">h{len(name)}si", len(name), name, partition)
    return Record("syncs", 0, 7, 0, key, struct.pack(">qq", source, copy))


def test_a_sync_is_read_as_mirror_maker_writes_it() -> None:
    assert decode_sync(sync(*PLACE, 40, 52)) == (PLACE, (40, 52))


@pytest.mark.parametrize("key", [b"", b"\0", b"\0\x05web", None])
def test_what_is_no_sync_is_said(key: bytes | None) -> None:
    record = sync(*PLACE, 1, 2)._replace(key=key)
    with pytest.raises(ValueError, match="syncs, offset 7: no offset sync"):
        decode_sync(record)


@pytest.mark.parametrize(
    ("offset", "span"),
    [
        (0, Span(0)),  # nothing was taken
        (9, Span(0, 12, 1)),  # before the first pair: at most one record before its copy
        (10, Span(12)),  # the very record
        (11, Span(13, 30, 9)),
        (20, Span(30)),
        (25, Span(31)),  # after the last pair: whatever comes
    ],
)
def test_a_position_lies_between_the_pairs_about_it(offset: int, span: Span) -> None:
    syncs = Syncs({PLACE: [(20, 30), (10, 12)]})
    assert syncs.span(PLACE, offset) == span


def test_a_partition_without_pairs_is_read_from_its_beginning() -> None:
    assert Syncs({}).span(PLACE, 17) == Span(0)
