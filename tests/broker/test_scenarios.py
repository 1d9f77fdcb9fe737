"""Each kind of journey that ships, on a worker and in a replay: the same commands, as told here."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from journey_engine.decide.decision import Command
from journey_engine.decode.log import LogLine, route
from journey_engine.run.definitions import load_topics
from journey_engine.run.naming import names
from journey_engine.run.replay import Replay
from tests.broker.rig import PATIENCE_S, Sent
from tests.broker.shipped import TOPOLOGIES, ShippedRig, event, shipped_plan
from tests.run.shop import SCHEMAS

TOLD_ON = ("callcenter", "email")
END = "2025-09-03T00:00Z"


class Story(NamedTuple):
    """What a customer does, and what comes of it: (time, action, journey, id of the action)."""

    events: list[tuple[str, str, dict[str, Any]]]
    told: list[tuple[str, str, str, str]]


def granted(purpose: str, at: str) -> tuple[str, str, dict[str, Any]]:
    return (at, "ConsentChanged", {"purpose": purpose, "granted": True})


STRANGER = "anonymous-to-known"
VISITOR = {"customer_id": None, "anonymous_id": "v1"}
STORIES = {
    "skip-the-bot": Story(
        [
            ("2024-03-04T18:00Z", "PageViewed", {"page": "account", "intent": "change-card"}),
            ("2024-03-04T18:05Z", "WebTaskFailed", {"intent": "change-card", "error": "refused"}),
            ("2024-03-05T09:00Z", "CallStarted", {"call_id": "k1", "channel": "callcenter"}),
            ("2024-03-05T09:10Z", "CallEnded", {"call_id": "k1", "resolved": True}),
        ],
        [("2024-03-05T09:00Z", "ROUTE", "skip-the-bot", "to-agent")],
    ),
    "cart-rescue": Story(
        [
            ("2024-03-04T10:00Z", "CartUpdated", {"cart_id": "r1", "total": 80.0}),
            ("2024-03-04T11:00Z", "CartUpdated", {"cart_id": "r1", "total": 90.0}),
            ("2024-03-04T15:05Z", "OrderPlaced", {"order_id": "r1"}),
        ],
        [
            ("2024-03-04T15:00Z", "SEND", "cart-rescue", "reminder"),
            ("2024-03-04T15:05Z", "CANCEL", "cart-rescue", "reminder"),
            ("2024-05-03T15:05Z", "SEND", "win-back", "miss-you"),
        ],
    ),
    "onboarding": Story(
        [
            ("2024-03-04T10:00Z", "AccountOpened", {}),
            ("2024-03-04T12:00Z", "OrderPlaced", {"order_id": "o2"}),
            ("2024-04-03T12:00Z", "OrderPlaced", {"order_id": "o3"}),
        ],
        [
            ("2024-03-04T11:00Z", "SEND", "onboarding", "welcome"),
            ("2024-06-02T12:00Z", "SEND", "win-back", "miss-you"),
        ],
    ),
    "payment-rescue": Story(
        [
            ("2024-03-04T10:00Z", "PaymentFailed", {"order_id": "o4"}),
            ("2024-03-04T10:20Z", "PaymentFailed", {"order_id": "o4"}),
            ("2024-03-04T11:00Z", "PaymentSucceeded", {"order_id": "o4"}),
        ],
        [
            ("2024-03-04T10:02Z", "SEND", "payment-rescue", "help"),
            ("2024-03-04T10:20Z", "SEND", "payment-rescue", "other-ways"),
        ],
    ),
    "detractor": Story(
        [
            ("2024-03-04T09:00Z", "CartUpdated", {"cart_id": "d1", "total": 80.0}),
            ("2024-03-04T10:00Z", "NpsAnswered", {"score": 3, "comment": "too slow"}),
        ],
        [
            ("2024-03-04T10:00Z", "SEND", "detractor", "sorry"),
            ("2024-03-04T10:00Z", "TASK", "detractor", "callback"),
            ("2024-03-12T13:00Z", "SEND", "detractor", "survey"),
        ],
    ),
    "win-back": Story(
        [("2024-03-04T10:00Z", "OrderPlaced", {"order_id": "w1"})],
        [("2024-05-03T10:00Z", "SEND", "win-back", "miss-you")],
    ),
    "abandon-and-switch": Story(
        [
            ("2024-03-04T10:00Z", "AccountOpened", {}),
            ("2024-03-04T10:30Z", "UpgradeStarted", {"product": "large"}),
            ("2024-03-06T10:30Z", "UpgradeCompleted", {"product": "large"}),
        ],
        [("2024-03-04T10:30Z", "SEND", "upgrade", "guide")],
    ),
    STRANGER: Story(
        [
            ("2024-03-04T10:00Z", "ProductsCompared", VISITOR),
            ("2024-03-04T10:30Z", "IdentityLinked", {"anonymous_id": "v1"}),
            ("2024-03-04T10:35Z", "AppSignedIn", {}),
            ("2024-03-04T10:40Z", "ProductsCompared", {}),
        ],
        [
            ("2024-03-04T10:00Z", "SHOW", "comparing", "help"),
            ("2024-03-04T10:35Z", "SEND", "comparing", "advice"),
        ],
    ),
    "silo-breaker": Story(
        [
            granted("offers", "2024-03-03T10:00Z"),
            ("2024-03-04T09:00Z", "ScoresComputed", {"loan": 0.5, "card": 0.9}),
            ("2024-03-04T14:00Z", "PageViewed", {"page": "cards", "intent": "card"}),
            ("2024-03-04T18:00Z", "PageViewed", {"page": "loans", "intent": "loan"}),
        ],
        [("2024-03-04T21:00Z", "SEND", "offer-loan", "offer")],
    ),
    "renewal": Story(
        [
            ("2024-01-18T11:00Z", "ProfileChanged", {"timezone": "America/New_York"}),
            (
                "2024-01-18T12:00Z",
                "ContractStarted",
                {"contract_id": "c1", "ends_on": "2025-07-17T12:00Z"},
            ),
        ],
        [("2025-06-17T13:00Z", "SEND", "renewal", "renewal-reminder")],
    ),
}


def millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def lines(stories: Mapping[str, Story] = STORIES) -> list[LogLine]:
    """All stories as one log, in the order of time; long after them one event more."""
    told = [
        (millis(at), customer, kind, fields)
        for customer, story in stories.items()
        for at, kind, fields in story.events
    ]
    told.append((millis(END), "nobody", "PageViewed", {"page": "home"}))
    return [event(kind, who, at, **fields) for at, who, kind, fields in sorted(told, key=_when)]


def _when(one: tuple[int, str, str, dict[str, Any]]) -> tuple[int, str, str]:
    return one[:3]


def commanded(replayed: Iterator[Any]) -> dict[str, list[tuple[str, ...]]]:
    """The commands of each customer, in the order in which they were decided."""
    found: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    for each in replayed:
        one = each.output
        if isinstance(one, Command):
            at = datetime.fromtimestamp(one.created_at / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
            who = str(one.customer_id or STRANGER)
            found[who].append((at, one.action, one.journey.name, one.send_id))
    return found


def test_every_story_is_told_by_a_replay() -> None:
    topics = load_topics(TOPOLOGIES, "app")
    inputs = names(topics, "").inputs
    by_channel = dict(zip(topics.inputs, inputs, strict=True))
    records = list(route(lines(), SCHEMAS, by_channel, topics.partitions))
    replay = Replay(shipped_plan(), SCHEMAS, inputs, topics.partitions)
    assert commanded(replay.outputs(records)) == {who: one.told for who, one in STORIES.items()}


async def test_a_worker_writes_what_a_replay_writes(shipped_rig: ShippedRig) -> None:
    rig = shipped_rig
    # Who is who passes between partitions: that takes the time of the wall, and has its own test.
    alone = {who: story for who, story in STORIES.items() if who != STRANGER}
    records = rig.records(lines(alone))
    expected = rig.expected(records)
    assert {topic for topic, _, _ in expected} > {rig.names.commands[one] for one in TOLD_ON}
    await rig.publish(records)
    with rig.start() as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.stop() == 0
    assert set(written) == set(expected)


def told_as_much(least: int) -> Callable[[Sent], bool]:
    return lambda sent: len(sent.commands) >= least


async def holds_an_instance(rig: ShippedRig, key: str) -> None:
    """Wait until the state under a key, as the changelog has it, has one."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            state = (await rig.states()).get(key)
            if state is not None and state.instances:
                return
            await asyncio.sleep(0.1)


@pytest.mark.kafka
async def test_a_visitor_who_signs_in_keeps_the_instance_and_hears_nothing_twice(
    new_rig: Callable[..., ShippedRig],
) -> None:
    rig = new_rig("kafka_broker", clock="wall")
    await rig.create()
    with rig.start() as worker:
        await worker.ready()
        told: list[tuple[str, str]] = []
        for _, kind, fields in STORIES[STRANGER].events:
            now = round(time.time() * 1000)
            await rig.publish(rig.records([event(kind, STRANGER, now, **fields)]))
            if kind == "AppSignedIn":
                told.insert(0, ("SEND", "advice"))
            elif kind == "ProductsCompared" and not told:
                told.append(("SHOW", "help"))
            elif kind == "IdentityLinked":
                # What the customer does before the visitor's partition has answered is no
                # matter of the visitor's journeys.
                await holds_an_instance(rig, f"c:{STRANGER}")
            found = await rig.sent_once(told_as_much(len(told)))
            assert sorted((one["action"], one["send_id"]) for one in found.commands) == told
        assert worker.stop() == 0  # with all that was published decided
    found = await rig.sent()
    assert sorted((one["action"], one["send_id"]) for one in found.commands) == told
    ends = [(one["customer_id"], one["end"]) for one in found.transitions if one["end"]]
    assert ends == []
