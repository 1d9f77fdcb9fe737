"""What operators do from the command line while a worker runs."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest

from journey_engine.decode.log import LogEvent, encode_event
from journey_engine.decode.partition import partition_of
from journey_engine.decode.record import Record
from journey_engine.encode.deadletter import Failure, encode_deadletter
from journey_engine.encode.outgoing import OutKind
from journey_engine.errors import DeadLetterCode
from journey_engine.observe.logs import hashed
from journey_engine.run.deadletters import REPLAYED, replay
from journey_engine.run.producers import Output, TransactionalProducer
from journey_engine.run.producing import Message
from journey_engine.run.settings import environment
from tests.broker.rig import ROOT
from tests.broker.shipped import ShippedRig, event
from tests.run.shop import HOUR, SCHEMAS

pytestmark = pytest.mark.kafka


async def ahead_of_their_clock(rig: ShippedRig, *kinds: str) -> None:
    """Events of c1 whose records say that they were written an hour before they happened."""
    now = int(time.time() * 1000)
    partition = partition_of(b"c1", rig.topics.partitions)
    output = Output(rig.settings)
    await output.start()
    try:
        for number, kind in enumerate(kinds):
            line = event(kind, "c1", now + number, order_id="o1", amount=9.5)
            assert isinstance(line, LogEvent)
            message = Message(b"c1", encode_event(line, SCHEMAS.events[kind]), (), now - HOUR)
            topic = f"{rig.settings.topic_prefix}interactions.web.v1"
            await output.write(topic, partition, [message])
    finally:
        await output.stop()


async def command(rig: ShippedRig, *words: str) -> Any:
    def run() -> str:
        return subprocess.run(
            [sys.executable, "-m", "journey_engine", *words, "--json"],
            cwd=ROOT,
            env=environment(rig.settings),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    return [json.loads(line) for line in (await asyncio.to_thread(run)).splitlines()]


async def test_letters_go_back_once_in_order_and_show_nothing_personal(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    await ahead_of_their_clock(rig, "PaymentFailed", "PaymentSucceeded")
    with rig.start() as worker:
        await worker.ready()
        await rig.sent_once(lambda sent: len(sent.dead_letters) == 2)

        listed = await command(rig, "deadletters", "list")
        assert [letter["failure"]["code"] for letter in listed] == ["FUTURE", "FUTURE"]
        (shown,) = await command(rig, "deadletters", "show", listed[0]["place"])
        assert shown["record"]["value"]["customer_id"] == hashed("c1") == shown["record"]["key"]
        assert shown["record"]["value"]["amount"] == 9.5
        (revealed,) = await command(rig, "deadletters", "show", listed[0]["place"], "--reveal")
        assert revealed["record"]["key"] == "c1"

        assert await command(rig, "deadletters", "replay", "--all", "--dry-run") == [
            {"sent": 0, "would_send": 2, "left": {}}
        ]
        (sent,) = await command(rig, "deadletters", "replay", "--code", "FUTURE")
        assert sent["sent"] == 2
        (again,) = await command(rig, "deadletters", "replay", "--all")
        assert again["sent"] == 0
        assert set(again["left"].values()) == {"sent again already"}
        found = await rig.sent_once(lambda sent: len(sent.transitions) >= 2)
        assert worker.stop() == 0
    assert [(each["from"], each["label"]) for each in found.transitions] == [
        (None, None),
        ("helping", "paid"),
    ]


async def test_a_note_behind_an_open_transaction_is_waited_for(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    topic = rig.names.outputs[OutKind.DEADLETTER]
    refused = Record(min(rig.names.inputs), 0, 0, 0, b"c1", b"broken", ())
    failure = Failure(DeadLetterCode.DECODE_ERROR, "no frame", "decode", 0)
    letter = encode_deadletter(refused, failure, record_bytes_max=1 << 20)
    message = Message(letter.key, letter.value, letter.headers)
    output, worker = Output(rig.settings), TransactionalProducer(rig.settings, 0)
    await output.start()
    await worker.start()
    try:
        await output.write(topic, 0, [message])
        await worker.begin()
        await worker.write(topic, 0, [message])
        note = Message(letter.key, None, ((f"{REPLAYED}offset", b"0"),))
        await output.write(topic, 0, [note])
        sending = asyncio.create_task(replay(rig.settings, rig.names, lambda _: True))
        await asyncio.sleep(3)
        assert not sending.done()
        await worker.commit()
        sent = await sending
    finally:
        await worker.stop()
        await output.stop()
    assert [each.offset for each in sent] == [1]


async def test_a_customer_is_looked_up_and_erased_with_proof(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    now = int(time.time() * 1000)
    lines = [
        event("PaymentFailed", "c1", now, order_id="o1", amount=9.5),
        event("PaymentFailed", "c2", now, order_id="o2", amount=9.5),
    ]
    with rig.start() as worker:
        await worker.ready()
        await rig.publish([r for r in rig.records(lines) if r.value is not None])
        await rig.sent_once(lambda sent: len(sent.transitions) == 2)

        (state,) = await command(rig, "state", "get", "c1")
        assert [each["journey"] for each in state["instances"]] == ["payment-rescue"]
        (proof,) = await command(rig, "erase", "c1")
        assert proof["life"] == 0
        assert proof["proof"] == blake2b(b"c1", digest_size=16).hexdigest()
        (gone,) = await command(rig, "state", "get", "c1")
        assert set(gone) == {"life", "identity"}
        (other,) = await command(rig, "state", "get", "c2")
        assert [each["journey"] for each in other["instances"]] == ["payment-rescue"]

        (unknown,) = await command(rig, "erase", "c9")
        assert unknown["proof"] == blake2b(b"c9", digest_size=16).hexdigest()

        (lag,) = await command(rig, "lag")
        assert {each["topic"] for each in lag} == set(rig.names.read)
        assert worker.stop() == 0
