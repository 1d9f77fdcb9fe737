"""What operators say to every partition of an app, through its inbox (rules V2, V3)."""

from collections.abc import Callable
from uuid import uuid4

from journey_engine.decide.event import Origin
from journey_engine.decide.message import (
    PARTITION,
    JourneyOperated,
    Message,
    Order,
    PlanActivated,
)
from journey_engine.define.topics import Topics
from journey_engine.encode.message import HEADERS, encode_message
from journey_engine.run import producing
from journey_engine.run.clock import wall_ms
from journey_engine.run.naming import names_of
from journey_engine.run.producers import Output
from journey_engine.run.settings import Settings
from journey_engine.run.topics import require_topics

_BY = "operator"

Make = Callable[[str, int, Origin], Message]
"""The message of this id, said at this time."""


def activates(plan_hash: str) -> Make:
    """The definitions of this hash are in force."""
    return lambda name, at, origin: PlanActivated(PARTITION, name, at, origin, plan_hash)


def operates(order: Order, journey: str, *, admits: bool = False, over: int = 0) -> Make:
    """An order about a journey; `over` in milliseconds."""
    return lambda name, at, origin: JourneyOperated(
        PARTITION, name, at, origin, journey, order, admits, over
    )


async def tell(settings: Settings, topics: Topics, make: Make) -> int:
    """Write the message to the inbox of every partition; how many there are.

    Raises:
        BrokerAbsentError, TopicsError: the inbox is not there, or not as it is declared.
        KafkaError: it was not acknowledged by all: say it again, it does no harm.
    """
    inbox = names_of(topics, settings).inbox
    await require_topics(settings, [inbox], partitions=topics.partitions)
    name = str(uuid4())
    message = make(name, wall_ms(), Origin(name, _BY, 0, 0))
    record = producing.Message(PARTITION.encode(), encode_message(message), HEADERS)
    output = Output(settings)
    await output.start()
    try:
        for partition in range(topics.partitions):
            await output.write(inbox, partition, [record])
    finally:
        await output.stop()
    return topics.partitions
