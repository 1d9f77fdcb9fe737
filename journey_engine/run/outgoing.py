"""The records that a flush leaves for others: what goes to which topic, and what to none."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Fetched, Record
from journey_engine.define.topics import COMMAND_TOPIC
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

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What turns outputs into records."""

    names: Names
    schemas: Schemas
    metrics: Metrics
    deadletter_bytes_max: int
    """The largest record that the dead letters' topic takes."""


def outgoing(flush: Flush, partition: int, encoding: Encoding) -> Mapping[Place, list[Message]]:
    """The records that a flush leaves for others, by topic and partition, in order."""
    names, messages = encoding.names, defaultdict[Place, list[Message]](list)
    limits, inbox = names.max_bytes, names.inbox
    for output in flush.outputs:
        record = encode_output(
            output, encoding.schemas, deadletter_bytes_max=encoding.deadletter_bytes_max
        )
        try:
            place = (names.of(record), partition)
        except KeyError:
            place, message = _without_topic(partition, record, logged_at(output), encoding)
            messages[place].append(message)
            continue
        message = made(Message, (record.key, record.value, record.headers, None))
        if record_bytes(record.key, record.value, record.headers) > limits[place[0]]:
            at = logged_at(output)
            unsent = Record(*place, -1, at, record.key, record.value, record.headers)
            place, message = _too_large(partition, unsent, place[0], at, encoding)
        messages[place].append(message)
    for forward in flush.forwards:
        lay, headers = forward.record, forward.headers()
        place = (inbox, forward.partition)
        message = Message(lay.key, lay.value, headers, lay.timestamp)
        if record_bytes(lay.key, lay.value, headers) > limits[inbox]:
            at = max(flush.position.clock, 0)
            place, message = _too_large(partition, lay, inbox, at, encoding)
        messages[place].append(message)
    for sent in flush.messages:
        key, value = key_of(sent.target), encode_message(sent)
        place = (inbox, partition_of(key, names.partitions))
        message = Message(key, value, HEADERS)
        if record_bytes(key, value, HEADERS) > limits[inbox]:
            unsent = Record(*place, -1, sent.at, key, value, HEADERS)
            place, message = _too_large(partition, unsent, inbox, sent.at, encoding)
        messages[place].append(message)
    return messages


def _too_large(
    partition: int, unsent: Fetched, topic: str, at: int, encoding: Encoding
) -> tuple[Place, Message]:
    """A dead letter in place of a record that the topic would refuse, at every start again."""
    log.error("output_too_large", topic=topic, partition=partition)
    why = f"{topic} does not take so large a record"
    return _letter(partition, unsent, DeadLetterCode.TOO_LARGE, why, at, encoding)


def _without_topic(
    partition: int, record: OutRecord, at: int, encoding: Encoding
) -> tuple[Place, Message]:
    """A dead letter in place of a command for a channel that is declared no more, or not yet: that
    a message is taken back, say, which was sent while it was.
    """
    channel = record.channel
    log.error("channel_without_topic", channel=channel, partition=partition)
    unsent = Record(
        COMMAND_TOPIC.format(channel), partition, -1, at, record.key, record.value, record.headers
    )
    why = f"topics.yaml declares no topic for the commands of `{channel}`"
    return _letter(partition, unsent, DeadLetterCode.INVALID, why, at, encoding)


def _letter(
    partition: int, unsent: Fetched, code: DeadLetterCode, why: str, at: int, encoding: Encoding
) -> tuple[Place, Message]:
    encoding.metrics.dead_letters.labels(code, "encode").inc()
    failure = Failure(code, why, "encode", at)
    letter = encode_deadletter(unsent, failure, record_bytes_max=encoding.deadletter_bytes_max)
    message = Message(letter.key, letter.value, letter.headers)
    return (encoding.names.of(letter), partition), message
