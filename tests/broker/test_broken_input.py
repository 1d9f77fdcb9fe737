"""Broken records among good ones of the same partition: each to the dead letters, once, as it came
(contracts, Topics and Limits); the partition goes on.
"""

import hashlib
import json
from collections import Counter
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from journey_engine.decode.frame import frame
from journey_engine.decode.log import LogEvent, LogLine, encode_event
from journey_engine.decode.record import Record
from journey_engine.errors import DeadLetterCode as Code
from journey_engine.run.topics import MAX_BYTES
from tests.broker.rig import error
from tests.broker.shipped import ShippedRig, cart, customers_on, event
from tests.run.shop import HOUR, MINUTE, SCHEMAS, START

HUGE = 5 * 1024 * 1024


class Broken(NamedTuple):
    name: str
    code: Code
    value: bytes
    key: bytes | None
    says: str
    """What the message must tell."""


def encoded(line: LogLine) -> bytes:
    assert isinstance(line, LogEvent)
    return encode_event(line, SCHEMAS.events[line.type])


def kinds(customer: str) -> list[Broken]:
    key = customer.encode()
    good = encoded(cart(customer, START))
    fingerprint = SCHEMAS.events["CartUpdated"].fingerprint
    ahead = encoded(cart(customer, START + HOUR))
    nobody = encoded(event("CartUpdated", "", START, cart_id="k", customer_id=None))
    cart_id = f"cart-{customer}".encode()
    foreign = good.replace(cart_id, b"\xff\xfe" + cart_id[2:])
    decode, unknown, invalid = Code.DECODE_ERROR, Code.SCHEMA_UNKNOWN, Code.INVALID
    return [
        Broken("truncated", decode, good[:-3], key, "CartUpdated"),
        Broken("left over", decode, good + b"\x00\x00", key, "2 bytes are left over"),
        Broken("no frame", decode, b'{"type": "CartUpdated"}', key, "no known frame"),
        Broken("wrong type", decode, frame(fingerprint, b"\xff" * 40), key, "CartUpdated"),
        Broken("bad UTF-8", decode, foreign, key, "utf-8"),
        Broken("empty", decode, b"", key, "empty"),
        Broken("unknown schema", unknown, frame(b"\x01" * 8, good[10:]), key, "01" * 8),
        Broken("unknown id", unknown, b"\x00\x00\x00\x00\x07" + good[10:], key, "schema id 7"),
        Broken("empty key", invalid, good, None, "key"),
        Broken("another's key", invalid, good, b"x" + key, "key"),
        Broken("foreign key", invalid, good, b"\xff\xff", "key"),
        Broken("nobody", Code.NO_CUSTOMER, nobody, None, "no key"),
        Broken("future", Code.FUTURE, ahead, key, f"{HOUR} ms after"),
        Broken("huge", Code.TOO_LARGE, good + bytes(HUGE), key, "at most 1048576"),
        Broken("large", decode, good + bytes(1024 * 1024 - len(good)), key, "left over"),
    ]


def laid(rig: ShippedRig, broken: list[Broken], good: list[str]) -> list[Record]:
    """All on one partition of one topic, a good one after each broken one, and the marks."""
    topic = rig.names.inputs[0]
    pairs: list[tuple[bytes | None, bytes]] = []
    for each, customer in zip(broken, good, strict=True):
        pairs += [(each.key, each.value), (customer.encode(), encoded(cart(customer, START)))]
    records = [Record(topic, 0, n, START, key, value) for n, (key, value) in enumerate(pairs)]
    mark = (("journey-mark", str(START + MINUTE).encode()),)
    return records + [
        Record(name, p, len(records) if (name, p) == (topic, 0) else 0, START, None, None, mark)
        for name in rig.names.inputs
        for p in range(rig.topics.partitions)
    ]


async def create_with_room(rig: ShippedRig) -> None:
    """The topics, and one that takes what the engine does not."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(rig.settings.brokers))
    await admin.start()
    try:
        room = {MAX_BYTES: str(2 * HUGE)}
        topic = NewTopic(rig.names.inputs[0], rig.topics.partitions, 1, topic_configs=room)
        await admin.create_topics([topic])
    finally:
        await admin.close()
    await rig.create()


async def test_broken_records_end_once_in_the_dead_letters(bare_rig: ShippedRig) -> None:
    rig = bare_rig
    await create_with_room(rig)
    good = customers_on(0, 4, 16, "kunde")
    broken = kinds(good.pop())
    await rig.publish(laid(rig, broken, good))
    with rig.start() as worker:
        await worker.ready()
        sent = await rig.sent_once(lambda sent: len(sent.transitions) >= len(good))
        metrics = worker.metrics()
        assert worker.stop() == 0
    sent = await rig.sent()
    assert Counter(each["customer_id"] for each in sent.transitions) == dict.fromkeys(good, 1)
    letters = {int(error(letter, "offset")): letter for letter in sent.dead_letters}
    assert len(sent.dead_letters) == len(letters) == len(broken)
    for number, each in enumerate(broken):
        letter = letters[2 * number]
        assert error(letter, "code") == each.code.encode(), each.name
        assert each.says in error(letter, "message").decode(), each.name
        assert error(letter, "topic") == rig.names.inputs[0].encode()
        assert error(letter, "partition") == b"0"
        assert error(letter, "stage") == b"decode"
        assert letter.key == each.key, each.name
        if each.name == "huge":
            digest = json.loads(letter.value or b"")
            assert digest["sha256"] == hashlib.sha256(each.value).hexdigest()
            assert digest["length"] == len(each.value)
        else:
            assert letter.value == each.value, each.name
    letters_counted = metrics["journey_dead_letters_total"]
    counted = {(labels["code"], labels["stage"]): n for labels, n in letters_counted if n}
    assert counted == Counter((str(each.code), "decode") for each in broken)
    assert not any(each in rig.log_file.read_text() for each in (*good, "kunde"))
