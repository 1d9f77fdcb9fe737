"""What partitions say to each other on Apache Kafka, while one of two workers is killed: room on
a channel (C6), a journey of an account (M3), an erasure with its proof (M4).

One run for all: it is told once, and each test looks at its part of what was written.
"""

import asyncio
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from journey_engine.decide.state import CustomerState
from journey_engine.decode.log import LogLine
from journey_engine.decode.partition import partition_of
from journey_engine.define.plan import Plan
from journey_engine.define.topics import Topics
from journey_engine.run.brokers import KafkaBroker, free_port
from journey_engine.run.definitions import load, load_topics
from tests.broker.rig import ROOT, Process, Rig, Sent
from tests.broker.shipped import customers_on, event

pytestmark = pytest.mark.kafka

TALKING = Path(__file__).parent / "talking"
PARTITIONS = 3
MOST, PER = 6, timedelta(seconds=1)
"""What the channel sms takes."""
NEW = [name for place in range(PARTITIONS) for name in customers_on(place, PARTITIONS, 8, "new")]
PAYERS = [customers_on(place, PARTITIONS, 1, "payer")[0] for place in range(2)]
COMPANY = customers_on(2, PARTITIONS, 1, "company")[0]
GONE = "gone"
KEY = "a key of the talking test"


class TalkingRig(Rig):
    program = ("journey_engine", "worker")

    def read_plan(self) -> Plan:
        return load(TALKING, ROOT / "schemas").plan

    def read_topics(self, app: str) -> Topics:
        return load_topics(TALKING, app)

    def host(self, name: str) -> Process:
        return self.start(
            JOURNEY_TOPOLOGIES=str(TALKING),
            JOURNEY_ERASURE_KEY=KEY,
            JOURNEY_DATA_DIR=str(self.settings.data_dir / name),
            JOURNEY_WEB_PORT=str(free_port()),
        )

    async def happens(self, *events: LogLine) -> None:
        await self.publish(self.records(list(events)))


class Told(NamedTuple):
    """What came of it all, and the time before which the erased customer is forgotten."""

    sent: Sent
    states: Mapping[str, CustomerState]
    erased_at: int

    def of(self, customer: str, action: str) -> list[Mapping[str, Any]]:
        return [
            one
            for one in self.sent.commands
            if one["customer_id"] == customer and one["action"] == action
        ]


async def _tell(rig: TalkingRig) -> Told:
    await rig.create()
    now = round(time.time() * 1000)
    with rig.host("one") as one, rig.host("two") as two:
        for worker in (one, two):
            await worker.ready()
            await worker.shares()
        await rig.happens(
            *(event("AccountLinked", who, now, account_id=COMPANY) for who in PAYERS),
            event("CartUpdated", GONE, now, cart_id="k1"),
            *(event("AccountOpened", who, now) for who in NEW),
        )
        await rig.sent_once(lambda sent: len(sent.commands) > MOST)
        one.kill()
        erased_at = now + 10
        await rig.happens(
            *(event("PaymentFailed", who, now + 10, order_id="o") for who in PAYERS),
            event("CustomerErased", GONE, erased_at),
            event("CartUpdated", GONE, now + 5, cart_id="k2"),
            event("CartUpdated", GONE, now + 15, cart_id="k3"),
        )
        # Each of the new ones, each payer, and of who is gone: sent, taken back, sent anew.
        everybody = len(NEW) + len(PAYERS) + 3
        await rig.sent_once(lambda sent: len(sent.commands) >= everybody)
        await rig.happens(event("PaymentSucceeded", PAYERS[1], now + 20, order_id="o"))
        await rig.sent_once(lambda sent: len(sent.commands) >= everybody + len(PAYERS))
        assert two.stop() == 0
    return Told(await rig.sent(), await rig.states(), erased_at)


@pytest.fixture(scope="module")
def told(kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Told:
    app, folder = f"talk-{uuid4().hex[:8]}", tmp_path_factory.mktemp("talking")
    return asyncio.run(_tell(TalkingRig(kafka_broker.address, app, folder, clock="wall")))


def test_c6_no_window_holds_more_than_the_channel_takes_and_everybody_gets_theirs(
    told: Told,
) -> None:
    hellos = [one for one in told.sent.commands if one["channel"] == "sms"]
    assert Counter(one["customer_id"] for one in hellos) == dict.fromkeys(NEW, 1)
    assert {partition_of(who.encode(), PARTITIONS) for who in NEW} == {0, 1, 2}
    times = sorted(one["created_at"] for one in hellos)
    for count, at in enumerate(times, start=1):
        assert count - bisect_left(times, at - PER + timedelta(milliseconds=1)) <= MOST


def test_m3_members_are_asked_where_they_live_and_left_alone_once_one_pays(told: Told) -> None:
    for who in PAYERS:
        (asked,) = told.of(who, "SEND")
        (back,) = told.of(who, "CANCEL")
        assert (asked["send_id"], back["cancels"]) == ("pay", asked["command_id"])
        assert asked["data"]["by"] in PAYERS
    ends = [one["end"] for one in told.sent.transitions if one["journey"] == "dunning"]
    assert Counter(ends) == {None: 1, "GOAL": 1}
    account = told.states[f"b:{COMPANY}"].account
    assert account is not None
    assert [one.customer for one in account.members] == sorted(PAYERS)


def test_m4_what_is_out_is_taken_back_and_nothing_but_a_proof_stays(told: Told) -> None:
    before, after = told.of(GONE, "SEND")
    (back,) = told.of(GONE, "CANCEL")
    assert back["cancels"] == before["command_id"] != after["command_id"]
    ends = [one["end"] for one in told.sent.transitions if one["customer_id"] == GONE]
    assert Counter(ends) == {None: 2, "ERASED": 1}, "what was late entered nowhere"
    state = told.states[f"c:{GONE}"]
    assert state.life == 1
    assert state.identity is not None
    erased = state.identity.erased
    assert erased is not None
    proof = blake2b(GONE.encode(), digest_size=16, key=KEY.encode()).digest()
    assert (erased.proof, erased.at, erased.life) == (proof, told.erased_at, 0)
