"""The decision topic, as `explain` reads it, holds what `decisions.jsonl` does."""

from msgspec.structs import replace

from journey_engine.cli.explain import RECORD, as_written
from journey_engine.decode.record import Record
from journey_engine.encode.send_decision import encode_send_decision
from journey_engine.run.readable import readable
from journey_engine.schemas import Schemas
from tests.why.refusal import REFUSED


def test_a_record_of_the_topic_reads_as_its_line(schemas: Schemas) -> None:
    decision = replace(REFUSED, until=1_772_445_600_123)
    out = encode_send_decision(decision, schemas)
    record = Record("journey.decisions.v1", 0, 1, 0, out.key, out.value, out.headers)

    shown = readable(record, schemas)

    assert shown["type"] == RECORD
    fields = as_written(shown["value"])
    assert (fields["decided_at"], fields["until"]) == (1_772_445_600_001, 1_772_445_600_123)
    assert (fields["outcome"], fields["trace"]) == ("NO_CONSENT", ["email no consent"])
