"""The records that a flush leaves for others: what goes to which topic, and what is too large."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.encode.deadletter import Failure, encode_deadletter, record_bytes
from journey_engine.encode.message import HEADERS, encode_message, key_of
from journey_engine.encode.outgoing import OutRecord
from journey_engine.errors import DeadLetterCode
from journey_engine.observe.metrics import Metrics
from journey_engine.run.naming import Names
from journey_engine.run.outbox import Flush, encode_output, logged_at
from journey_engine.run.producing import Message, made
from journey_engine.schemas import Schemas

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Encoding:
    """What turns outputs into records."""

    names: Names
    schemas: Schemas
    metrics: Metrics
    deadletter_bytes_max: int
    """The largest record that the dead letters' topic takes."""


def outgoing(
    flush: Flush, partition: int, encoding: Encoding
) -> Mapping[tuple[str, int], list[Message]]:
    """The records that a flush leaves for others, by topic and partition, in order."""
    messages: dict[tuple[str, int], list[Message]] = {}
    for output in flush.outputs:
        record = encode_output(
            output, encoding.schemas, deadletter_bytes_max=encoding.deadletter_bytes_max
        )
        topic = encoding.names.of(record)
        if record_bytes(record.key, record.value, record.headers) > encoding.names.max_bytes[topic]:
            at = logged_at(output)
            unsent = Record(topic, partition, -1, at, record.key, record.value, record.headers)
            record = _too_large(partition, unsent, at, encoding)
            topic = encoding.names.of(record)
        message = made(Message, (record.key, record.value, record.headers, None))
        messages.setdefault((topic, partition), []).append(message)
    for forward in flush.forwards:
        lay = forward.record
        message = Message(lay.key, lay.value, forward.headers(), lay.timestamp)
        messages.setdefault((encoding.names.inbox, forward.partition), []).append(message)
    inbox = encoding.names.inbox
    for sent in flush.messages:
        key, value = key_of(sent.target), encode_message(sent)
        place = (inbox, partition_of(key, encoding.names.partitions))
        message = Message(key, value, HEADERS)
        if record_bytes(key, value, HEADERS) > encoding.names.max_bytes[inbox]:
            unsent = Record(inbox, place[1], -1, sent.at, key, value, HEADERS)
            letter = _too_large(partition, unsent, sent.at, encoding)
            place = (encoding.names.of(letter), partition)
            message = Message(letter.key, letter.value, letter.headers)
        messages.setdefault(place, []).append(message)
    return messages


def _too_large(partition: int, unsent: Record, at: int, encoding: Encoding) -> OutRecord:
    """A dead letter in place of a record that its topic would refuse, at every start again."""
    code = DeadLetterCode.TOO_LARGE
    encoding.metrics.dead_letters.labels(code, "encode").inc()
    log.error("output_too_large", topic=unsent.topic, partition=partition)
    failure = Failure(code, f"{unsent.topic} does not take so large a record", "encode", at)
    return encode_deadletter(unsent, failure, record_bytes_max=encoding.deadletter_bytes_max)
