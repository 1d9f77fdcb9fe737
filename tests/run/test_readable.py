"""What of a record is shown to people who may not see everything."""

import json

import msgspec

from journey_engine.decide.state import CustomerState, Written
from journey_engine.decode.record import Record
from journey_engine.encode.state import encode_state
from journey_engine.observe.logs import hashed
from journey_engine.run.readable import masked, readable
from tests.run.shop import SCHEMAS

STATE = msgspec.structs.replace(CustomerState(), traits={"first_name": Written("Anna", 0, "e")})


def record(value: bytes | None) -> Record:
    return Record("inbox", 0, 3, 0, b"anna", value, ())


def test_a_state_among_the_dead_letters_shows_nothing_of_its_customer() -> None:
    refused = record(encode_state(STATE))
    assert "Anna" in json.dumps(readable(refused, SCHEMAS))
    shown = masked(refused, SCHEMAS)
    assert shown["key"] == hashed("anna")
    assert "state" not in shown
    assert shown["bytes"] == len(refused.value or b"")


def test_bytes_that_nobody_can_read_show_their_length_and_digest() -> None:
    shown = masked(record(b"anna@example.com"), SCHEMAS)
    assert (shown["bytes"], len(shown["sha256"])) == (16, 64)
    assert "raw" not in shown
    assert "bytes" not in masked(record(None), SCHEMAS)
