"""A small shop whose waits are seconds, its topics, and what its customers do in a schedule.

Everything that the data plane must get right is in it: entries, waits that events restart, delayed
and held sends, cancels, repeats, conflicts, broken records, records on the wrong partition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from journey_engine.decode.decode import MARK_HEADER, Reader
from journey_engine.decode.log import LogLine, LogRaw, Place, route
from journey_engine.define.action_plan import Action
from journey_engine.define.identity import ERASED, LINKED
from journey_engine.define.identity import READ as IDENTITY_TYPES
from journey_engine.define.plan import END, ChannelPlan, Plan
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.naming import Names
from journey_engine.run.producing import Message
from journey_engine.run.states import StateCache
from journey_engine.run.wiring import Wiring
from journey_engine.simulate.chance import Chance
from tests.run.shop import (
    CHANNEL_TOPICS,
    EXTRA,
    INBOX,
    INPUTS,
    READ,
    SCHEMAS,
    START,
    after,
    journey,
    line,
    plan,
    stage,
)

SECOND = 1_000
PARTITIONS = 2
CUSTOMERS = ("c1", "c2", "c3", "c4", "c5")
VISITORS = ("v1", "v2", "v3")
LAST_EVENT_MS = 4 * SECOND
QUIET_MS = 9 * SECOND
"""By then the last timer that the last event can set is due."""

NAMES = Names(
    partitions=PARTITIONS,
    inputs=INPUTS,
    inbox=INBOX,
    changelog="shop-changelog",
    ledger="shop-ledger",
    commands={"email": "commands.email.v1", "push": "commands.push.v1"},
    outputs={
        OutKind.TRANSITION: "journey.transitions.v1",
        OutKind.DECISION: "journey.decisions.v1",
        OutKind.DEADLETTER: "journey.deadletters.v1",
    },
    max_bytes={},
)
NAMES = replace(NAMES, max_bytes=dict.fromkeys(NAMES.all, 1_000_000))


def _plan() -> Plan:
    cart = journey(
        "cart",
        "CartUpdated",
        "OrderPlaced",
        (
            stage("waiting", after(0, 700, "reminded", resets=["CartUpdated"])),
            stage(
                "reminded",
                after(0, 2 * SECOND, END),
                sends=(Action("remind", "cart", ("email", "push")),),
            ),
        ),
        priority=2,
    )
    payment = journey(
        "payment",
        "PaymentFailed",
        "PaymentSucceeded",
        (
            stage(
                "watch",
                after(0, 900, "later"),
                sends=(Action("help", "help", ("push",), delay=400),),
            ),
            stage(
                "later",
                after(0, 3 * SECOND, END),
                sends=(Action("sorry", "sorry", ("email",)),),
            ),
        ),
        priority=1,
    )
    journeys = (cart, payment)
    made = plan()
    return replace(
        made,
        hash="simulated-1",
        fields={**made.fields, **dict.fromkeys(IDENTITY_TYPES, frozenset())},
        journeys=journeys,
        by_name={each.name: each for each in journeys},
        by_type={kind: tuple(j for j in journeys if kind in j.reads) for kind in READ},
        channels={
            "email": ChannelPlan("email", "commands.email.v1", hold=300),
            "push": ChannelPlan("push", "commands.push.v1"),
        },
    )


PLAN = _plan()
READER = Reader(SCHEMAS, PLAN.fields)
WIRING = Wiring(PLAN, READER, INPUTS, INBOX, PARTITIONS, states=StateCache(3_000))


class Arrival(NamedTuple):
    """A message that reaches its topic so many milliseconds after the schedule began."""

    at: int
    topic: str
    partition: int
    message: Message


@dataclass(frozen=True, slots=True)
class Habits:
    """What a schedule's customers do. `misrouted`, and `strangers`, who turn out to be customers,
    need the wall clock: the inbox has no marks.
    """

    events: int
    misrouted: float
    marks: float
    strangers: float = 0.0


def arrivals(chance: Chance, habits: Habits) -> list[Arrival]:
    """What comes in, in order of time."""
    lines = _lines(chance, habits.events, habits.strangers)
    found = []
    for record in route(lines, SCHEMAS, CHANNEL_TOPICS, PARTITIONS, marks=False):
        astray = chance.happens(habits.misrouted)
        partition = (record.partition + 1) % PARTITIONS if astray else record.partition
        message = Message(record.key, record.value, record.headers, record.timestamp)
        found.append(Arrival(record.timestamp - START, record.topic, partition, message))
    return found + _marks(chance, habits.marks)


def _lines(chance: Chance, events: int, strangers: float) -> list[LogLine]:
    lines: list[LogLine] = []
    now = 0
    for number in range(events):
        now += chance.often_small(0, 2 * LAST_EVENT_MS * 3 // (2 * events))
        now = min(now, LAST_EVENT_MS)
        late = chance.pick((0, 0, 0, 150, 1_200))
        channel = chance.pick(tuple(CHANNEL_TOPICS))
        what = chance.pick((*READ, *READ, *READ, "PageViewed", "broken", "repeat"))
        customer = chance.pick(CUSTOMERS)
        if strangers and chance.happens(strangers):
            lines.append(_of_stranger(chance, what, customer, now, str(number)))
        elif what == "repeat" and lines:
            lines.append(_again(chance.pick(lines), now))
        elif what in EXTRA:
            event_id = str(number + chance.pick((0, 0, 0, 1)))  # sometimes a conflict
            lines.append(
                line(
                    what, customer, now - late, event_id=event_id, channel=channel, recorded_at=now
                )
            )
        else:
            broken = b"\xc3\x01"
            lines.append(LogRaw(broken, customer.encode(), channel, START + now, Place("made", 1)))
    return lines


def _of_stranger(chance: Chance, what: str, customer: str, now: int, event_id: str) -> LogLine:
    """A visitor does something, or turns out to be the customer, or the customer is erased."""
    whose = {"anonymous_id": chance.pick(VISITORS)}
    if what not in READ:
        kind = chance.pick((LINKED, LINKED, LINKED, ERASED))
        return line(kind, customer, now, event_id=event_id, extra=whose)
    return line(what, None, now, event_id=event_id, extra={**EXTRA[what], **whose})


def _again(line_: LogLine, now: int) -> LogLine:
    return line_._replace(recorded_at=START + now)


def _marks(chance: Chance, share: float) -> list[Arrival]:
    """The stream clock's, some on the way and a last one to every partition, past every timer."""
    if not share:
        return []
    found = []
    for topic in INPUTS:
        for partition in range(PARTITIONS):
            times = [at for at in range(0, LAST_EVENT_MS, 400) if chance.happens(share)]
            found += [_mark(topic, partition, at, at) for at in times]
            found.append(_mark(topic, partition, LAST_EVENT_MS, QUIET_MS))
    return found


def _mark(topic: str, partition: int, at: int, time: int) -> Arrival:
    headers = ((MARK_HEADER, str(START + time).encode()),)
    return Arrival(at, topic, partition, Message(None, None, headers, START + at))


def in_time(found: Sequence[Arrival]) -> list[Arrival]:
    """As they reach the broker."""
    return sorted(found, key=lambda each: each.at)
