"""The decision topic, as `explain` reads it, holds what `decisions.jsonl` does."""

from journey_engine.cli.explain import RECORD, as_written
from journey_engine.decide.decision import SendDecision
from journey_engine.decode.record import Record
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.errors import CandidateOutcome
from journey_engine.run.readable import readable
from journey_engine.schemas import Schemas


def test_a_record_of_the_topic_reads_as_its_line(schemas: Schemas) -> None:
    decision = SendDecision(
        decision_id="d",
        customer_id="anna",
        anonymous_id=None,
        journey="cart",
        version=3,
        key=None,
        entry_no=1,
        send_id="reminder",
        attempt=0,
        command_id="c",
        outcome=CandidateOutcome.NO_CONSENT,
        cause=None,
        until=1_772_445_600_123,
        channels_tried=("email",),
        decided_at=1_772_445_600_001,
        definition_hash="h",
        trace=("email no consent",),
    )
    out = encode_send_decision(decision, schemas)
    record = Record("journey.decisions.v1", 0, 1, 0, out.key, out.value, out.headers)

    shown = readable(record, schemas)

    assert shown["type"] == RECORD
    fields = as_written(shown["value"])
    assert (fields["decided_at"], fields["until"]) == (1_772_445_600_001, 1_772_445_600_123)
    assert (fields["outcome"], fields["trace"]) == ("NO_CONSENT", ["email no consent"])
