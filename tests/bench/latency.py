"""From an event's publishing to its command's being visible, at a steady rate.

Every customer has arrived before. Then each event has a moment at which it is to be published,
whatever the engine does meanwhile; the latency counts from that moment to when a `read_committed`
consumer has the command, so a publisher that is late is held against the engine.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from statistics import quantiles
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from journey_engine.decode.record import Record
from journey_engine.run.garbage import collected_rarely
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from tests.bench.contestants import Contestant
from tests.bench.job import Shop
from tests.bench.measuring import Broker, given_up, log_of, reached, words_of
from tests.bench.outcome import read_command
from tests.bench.site import Site, ending

SECONDS = 20.0
LEFT_OUT = 0.2
"""The share of the events before the measurement begins."""
TICK_S = 0.002
PREPARING_MS = 2_000
"""Allowed at first for the events to be written, before the first is sent."""
READY_S = 30.0
POLL_MS = 200
LAST_S = 1.0
"""For the last commands to come, after the last event was taken."""


Seen = tuple[int, bytes]
"""When a command was there, in milliseconds, and the command."""


class Latency(NamedTuple):
    """Milliseconds, of so many commands, at so many events a second."""

    rate: float
    commands: int
    p50_ms: float
    p99_ms: float


async def latency(contestant: Contestant, broker: Broker, like: Shop, rate: float) -> Latency:
    """The latency at a rate, in a shop like that one. Raises as `measure`."""
    # All have arrived by now: after an arrival in the future whatever else one does would be late.
    begun = _now() - int(like.arrivals * 1000 / rate)
    early = replace(like, events=0, begin_ms=begun, pace_ms=1000 / rate)
    async with broker.site(contestant, like.partitions) as site, site.output() as output:
        await site.publish(log_of(early).records())
        process = contestant.start(site)
        with ending(process), words_of(contestant, site):
            await reached(process, site, contestant.group(site), early.total)
            with collected_rarely():  # what is known of a million customers takes seconds to walk
                seen: list[Seen] = []
                ready = asyncio.Event()
                watching = asyncio.create_task(_watch(site, seen, ready))
                await asyncio.wait_for(ready.wait(), READY_S)
                shop, records = _planned(early, rate)
                await _send(output, site, records)
                await reached(process, site, contestant.group(site), shop.total)
                await asyncio.sleep(LAST_S)
                await given_up(watching)
    return _taken(rate, shop, seen)


def _now() -> int:
    return int(time.time() * 1000)


def _planned(early: Shop, rate: float) -> tuple[Shop, list[Record]]:
    """The same shop, with events that begin when they are all written."""
    events, allowed_ms = int(rate * SECONDS), PREPARING_MS
    while True:
        begin = _now() + allowed_ms
        shop = replace(early, events=events, begin_ms=begin - int(early.arrivals * early.gap_ms))
        records = list(log_of(shop).shopping())
        if _now() < begin:
            return shop, records
        allowed_ms *= 2


async def _watch(site: Site, seen: list[Seen], ready: asyncio.Event) -> None:
    """The commands from now on: those of the arrivals, millions, would take longer than the run."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=site.broker,
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=site.settings.fetch_max_wait_ms,
    )
    places = [TopicPartition(site.commands, partition) for partition in range(site.partitions)]
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        ready.set()
        while True:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                now = _now()
                seen.extend((now, each.value) for each in records if each.value is not None)
    finally:
        await consumer.stop()


async def _send(output: Output, site: Site, records: list[Record]) -> None:
    """Each record at its time."""
    rest = iter(records)
    waiting = next(rest, None)
    while waiting is not None:
        now, due = _now(), []
        while waiting is not None and waiting.timestamp <= now:
            due.append(waiting)
            waiting = next(rest, None)
        await asyncio.gather(
            *(output.write(site.input, place, messages) for place, messages in _by_place(due))
        )
        await asyncio.sleep(TICK_S)


def _by_place(records: Iterable[Record]) -> Iterator[tuple[int, list[Message]]]:
    places: dict[int, list[Message]] = {}
    for each in records:
        message = Message(each.key, each.value, each.headers, each.timestamp)
        places.setdefault(each.partition, []).append(message)
    yield from places.items()


def _taken(rate: float, shop: Shop, seen: list[Seen]) -> Latency:
    first = shop.arrivals + int(shop.events * LEFT_OUT)
    taken = []
    for at, value in seen:
        number = int(read_command(value)["causation"]["event_id"].removeprefix("e"))
        if number >= first:
            taken.append(at - shop.at(number))
    if len(taken) < 2:
        raise SystemExit("too few commands to tell a latency")
    cuts = quantiles(taken, n=100, method="inclusive")
    return Latency(round(rate), len(taken), cuts[49], cuts[98])
