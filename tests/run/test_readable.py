"""What of a record is shown to people who may not see everything."""

import json

import msgspec

from journey_engine.decide.event import Origin
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.state import CustomerState, Instance, Written
from journey_engine.decode.record import Record
from journey_engine.define.personal import Personal
from journey_engine.encode.state import encode_state
from journey_engine.observe.logs import hashed
from journey_engine.run.readable import masked, masked_state, named, readable
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


def test_what_is_no_definition_is_shown_as_bytes() -> None:
    laid = record(b"{")._replace(topic="x.journey.definitions.v1")
    assert readable(laid, SCHEMAS)["raw"] == "ew=="
    assert readable(laid._replace(value=b'{"at":1}'), SCHEMAS)["definition"] == {"at": 1}


def test_a_state_shows_what_is_personal_as_the_logs_do() -> None:
    state = CustomerState(
        traits={"name": Written("Ana", 1, "e1"), "tier": Written("gold", 1, "e1")},
        features={
            "f1": FeatureState.of(0, [(5, "shoes"), (6, 7)]),
            "f2": FeatureState.of(0, [(5, "x")]),
        },
        instances=[
            Instance(
                "heard",
                1,
                None,
                1,
                0,
                "waiting",
                0,
                0,
                Origin("e1", "web", 0, 0),
                context={"words": "too slow", "score": 3},
            )
        ],
    )
    hidden = Personal(frozenset({"customer.name", "instance.words"}), frozenset({"f1"}))
    shown = masked_state(state, hidden)
    assert shown["traits"]["name"] == {"value": hashed("Ana"), "at": 1, "event_id": "e1"}
    assert shown["traits"]["tier"]["value"] == "gold"
    assert shown["features"]["f1"]["entries"] == [[5, hashed("shoes")], [6, 7]]
    assert shown["features"]["f2"]["entries"] == [[5, "x"]]
    assert shown["instances"][0]["context"] == {"words": hashed("too slow"), "score": 3}
    assert named(state)["traits"]["name"]["value"] == "Ana"
