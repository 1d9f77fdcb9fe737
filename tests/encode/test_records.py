"""Commands, transitions and decisions to the records that others read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from journey_engine.decide.decision import Command, Experiment, JourneyRef, SendDecision, Transition
from journey_engine.decide.event import Origin
from journey_engine.decode.whole import read_whole
from journey_engine.define.expression import Value
from journey_engine.define.iso import iso_utc
from journey_engine.encode.command import encode_command
from journey_engine.encode.outgoing import OutKind
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.encode.transition import encode_transition
from journey_engine.errors import (
    CandidateOutcome,
    DeferredCause,
    EndReason,
    EntryOutcome,
    RecordError,
)
from journey_engine.schemas import Schemas

NOW = 1_710_325_274_001
AT = datetime(2024, 3, 13, 10, 21, 14, 1000, tzinfo=UTC)
ORIGIN = Origin("e1", "interactions.web.v1", 2, 7)
COMMAND = Command(
    command_id="0b2b6f6c-4d5e-5f00-8000-000000000001",
    action="SEND",
    send_id="reminder",
    attempt=0,
    channel="email",
    customer_id="c1",
    anonymous_id=None,
    content="cart-reminder",
    data={},
    theme="cart",
    purpose="marketing",
    priority=50,
    created_at=NOW,
    not_before=NOW,
    not_after=None,
    cancels=None,
    journey=JourneyRef("cart-rescue", 3, "k1", "nudged", 1),
    causation=ORIGIN,
    decision_id="d1",
)
TRANSITION = Transition(
    customer_id=None,
    anonymous_id="a1",
    journey="cart-rescue",
    version=3,
    key="k1",
    entry_no=1,
    from_stage="waiting",
    to_stage=None,
    trigger="OrderPlaced",
    end=EndReason.GOAL,
    label="order_placed",
    occurred_at=NOW,
    logged_at=NOW,
    due_at=None,
    macro_stage="purchase",
    causation=ORIGIN,
)
DECISION = SendDecision(
    decision_id="d1",
    customer_id="c1",
    anonymous_id=None,
    journey="cart-rescue",
    version=3,
    key=None,
    entry_no=1,
    send_id="reminder",
    attempt=0,
    command_id="0b2b",
    outcome=CandidateOutcome.DEFERRED,
    cause=DeferredCause.DELAY,
    until=NOW,
    channels_tried=("email", "push"),
    decided_at=NOW,
    definition_hash="abc",
    trace=("delay 2m",),
    causation=ORIGIN,
)


def whole(value: bytes | None, schemas: Schemas) -> tuple[str, dict[str, Any]]:
    assert value is not None
    return read_whole(value, schemas)


def test_a_command_says_all_that_a_sender_may_rely_on(schemas: Schemas) -> None:
    out = encode_command(COMMAND, schemas)
    assert (out.kind, out.channel, out.key) == (OutKind.COMMAND, "email", b"c1")
    assert whole(out.value, schemas) == (
        "Command",
        {
            "command_id": COMMAND.command_id,
            "action": "SEND",
            "send_id": "reminder",
            "attempt": 0,
            "channel": "email",
            "customer_id": "c1",
            "anonymous_id": None,
            "content": "cart-reminder",
            "data": {},
            "theme": "cart",
            "purpose": "marketing",
            "priority": 50,
            "created_at": AT,
            "not_before": AT,
            "not_after": None,
            "cancels": None,
            "reply_to": None,
            "slot": None,
            "team": None,
            "op": None,
            "ack_by": None,
            "due_at": None,
            "journey": {
                "name": "cart-rescue",
                "version": 3,
                "key": "k1",
                "stage": "nudged",
                "entry_no": 1,
            },
            "experiment": None,
            "account_id": None,
            "causation": {
                "event_id": "e1",
                "topic": "interactions.web.v1",
                "partition": 2,
                "offset": 7,
            },
            "decision_id": "d1",
        },
    )


def test_its_headers_are_a_cloud_event_and_name_no_customer(schemas: Schemas) -> None:
    cancel = replace(COMMAND, action="CANCEL", cancels="x", customer_id="secret")
    headers = encode_command(cancel, schemas).headers
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": COMMAND.command_id.encode(),
        "ce_source": b"/journey-engine",
        "ce_type": b"journey.command.cancel",
        "ce_time": b"2024-03-13T10:21:14.001Z",
        "ce_subject": b"cart-rescue/reminder",
        "content-type": b"application/avro",
    }


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("linked", "carried"), [(False, "traceparent"), (True, "journey-trace-link")]
)
def test_a_command_carries_the_trace_of_its_event_and_a_timers_links_to_it(
    linked: bool,  # noqa: FBT001 - a parameter of the test
    carried: str,
    schemas: Schemas,
) -> None:
    command = replace(COMMAND, linked=linked, causation=replace(ORIGIN, traceparent=TRACE))
    out = encode_command(command, schemas)
    names = {"traceparent", "journey-trace-link"}
    assert [h for h in out.headers if h[0] in names] == [(carried, TRACE.encode())]
    assert out.value == encode_command(COMMAND, schemas).value


def test_an_anonymous_command_has_the_visitors_key(schemas: Schemas) -> None:
    command = replace(COMMAND, customer_id=None, anonymous_id="a1")
    assert encode_command(command, schemas).key == b"a1"


TEXT = st.text(max_size=6)
SCALAR = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
)


@given(data=st.dictionaries(TEXT, SCALAR | st.lists(TEXT, max_size=3), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_data_keeps_values_and_their_types(data: Mapping[str, Value], schemas: Schemas) -> None:
    command = replace(COMMAND, data=data)
    first, second = encode_command(command, schemas), encode_command(command, schemas)
    read = whole(first.value, schemas)[1]["data"]
    assert read == data
    assert {k: type(v) for k, v in read.items()} == {k: type(v) for k, v in data.items()}
    assert first == second


def test_a_list_in_data_becomes_one_of_texts(schemas: Schemas) -> None:
    command = replace(COMMAND, data={"recent": ["a", 1, 2.5, True, False, None]})
    read = whole(encode_command(command, schemas).value, schemas)[1]["data"]
    assert read == {"recent": ["a", "1", "2.5", "true", "false", "null"]}


def test_a_transition_names_the_stages_from_and_to(schemas: Schemas) -> None:
    out = encode_transition(TRANSITION, schemas)
    assert (out.kind, out.channel, out.key) == (OutKind.TRANSITION, "", b"a1")
    name, fields = whole(out.value, schemas)
    assert name == "Transition"
    assert fields == {
        "customer_id": None,
        "anonymous_id": "a1",
        "journey": "cart-rescue",
        "version": 3,
        "key": "k1",
        "entry_no": 1,
        "from": "waiting",
        "to": None,
        "trigger": "OrderPlaced",
        "end": "GOAL",
        "label": "order_placed",
        "milestone": None,
        "context_hash": None,
        "occurred_at": AT,
        "logged_at": AT,
        "due_at": None,
        "macro_stage": "purchase",
        "experiment": None,
        "switch_to": None,
        "refused": None,
        "account_id": None,
        "causation": {
            "event_id": "e1",
            "topic": "interactions.web.v1",
            "partition": 2,
            "offset": 7,
        },
    }


def test_a_transition_tells_experiment_milestone_and_switch(schemas: Schemas) -> None:
    split = replace(
        TRANSITION,
        experiment=Experiment("offer", "free", 0.8, contaminated=False),
        milestone="funded",
        switch_to="upgrade",
        refused=EntryOutcome.COOLDOWN,
    )
    _, fields = whole(encode_transition(split, schemas).value, schemas)
    assert fields["experiment"] == {
        "id": "offer",
        "arm": "free",
        "propensity": 0.8,
        "contaminated": False,
    }
    assert (fields["milestone"], fields["switch_to"], fields["refused"]) == (
        "funded",
        "upgrade",
        "COOLDOWN",
    )


def test_a_decision_says_why(schemas: Schemas) -> None:
    out = encode_send_decision(DECISION, schemas)
    assert (out.kind, out.channel, out.key) == (OutKind.DECISION, "", b"c1")
    name, fields = whole(out.value, schemas)
    assert name == "SendDecision"
    assert fields == {
        "decision_id": "d1",
        "customer_id": "c1",
        "anonymous_id": None,
        "journey": "cart-rescue",
        "version": 3,
        "key": None,
        "entry_no": 1,
        "send_id": "reminder",
        "attempt": 0,
        "command_id": "0b2b",
        "outcome": "DEFERRED",
        "cause": "DELAY",
        "until": AT,
        "channels_tried": ["email", "push"],
        "decided_at": AT,
        "rank": None,
        "score": None,
        "rivals": [],
        "definition_hash": "abc",
        "trace": ["delay 2m"],
        "account_id": None,
        "causation": {
            "event_id": ORIGIN.event_id,
            "topic": ORIGIN.topic,
            "partition": ORIGIN.partition,
            "offset": ORIGIN.offset,
        },
    }


@pytest.mark.parametrize("value", [b"", b"\xc3\x01" + b"\x00" * 8, b"\x00\x00\x00\x00\x01"])
def test_bytes_of_no_known_schema_are_the_producers_fault(value: bytes, schemas: Schemas) -> None:
    with pytest.raises(RecordError):
        read_whole(value, schemas)


def test_a_command_cut_short_is_the_producers_fault(schemas: Schemas) -> None:
    value = encode_command(COMMAND, schemas).value or b""
    with pytest.raises(RecordError, match="DECODE_ERROR"):
        read_whole(value[:-1], schemas)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (999, "1970-01-01T00:00:00.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (NOW, "2024-03-13T10:21:14.001Z"),
    ],
)
def test_times_are_written_in_utc_with_milliseconds(ms: int, text: str) -> None:
    assert iso_utc(ms) == text
