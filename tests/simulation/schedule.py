"""One schedule from the first event to the verdict."""

from collections import Counter
from dataclasses import dataclass

from journey_engine.decode.record import Record
from journey_engine.encode.message import is_message
from journey_engine.encode.outgoing import OutKind
from tests.simulation.case import Case
from tests.simulation.checkers import (
    Findings,
    check_ledger,
    check_states,
    check_timers,
    check_written,
    ledger_entries,
    once_each,
)
from tests.simulation.oracle import Core, LedgerError
from tests.simulation.process import Step
from tests.simulation.shop import NAMES, PARTITIONS
from tests.simulation.virtual import DeadlockError
from tests.simulation.world import Make, World


@dataclass(slots=True)
class Verdict:
    """What came of a schedule."""

    case: Case
    found: Findings
    steps: list[Step]
    counts: Counter[str]


def run(case: Case, made_of: Make) -> Verdict:
    """Live through a schedule and hold what it left against the core."""
    world, found = World(case, made_of), Findings()
    try:
        if not world.live():
            left = {p: world.unfinished(p) for p in range(PARTITIONS)}
            found.say("stuck", 1, f"not done in time: {left}")
    except DeadlockError as error:
        found.say("stuck", 1, str(error))
    for failure in world.failures:
        found.say("stuck", 1, failure)
    if found.clean:
        _check(world, found)
    return Verdict(case, found, world.steps, _counts(world))


def _check(world: World, found: Findings) -> None:
    once = world.case.transactional
    forwarded: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
    said: dict[int, list[tuple[bytes | None, bytes | None]]] = {}
    for partition in range(PARTITIONS):
        try:
            core = _core(world, partition, found)
        except LedgerError as error:
            found.say("ledger", 1, f"partition {partition}: {error}")
            return
        topics = (*NAMES.commands.values(), *NAMES.outputs.values())
        for topic in topics:
            actual = [(r.key, r.value) for r in _read(world, topic, partition)]
            place = f"{topic}-{partition}"
            check_written(actual, core.written[topic], found, place, once=once)
        topic = NAMES.outputs[OutKind.TRANSITION]
        transitions = [(r.key, r.value) for r in _read(world, topic, partition)]
        check_timers(transitions, found, f"{topic}-{partition}", once=once)
        for home, written in core.forwarded:
            forwarded.setdefault(home, []).append(written)
        for home, written in core.said:
            said.setdefault(home, []).append(written)
        changelog = _read(world, NAMES.changelog, partition)
        check_states(changelog, core.states(), found, f"{NAMES.changelog}-{partition}")
    if not world.weather.faults and not world.put_outs:
        there = sum(len(_read(world, t, p)) for t in NAMES.read for p in range(PARTITIONS))
        found.say("retaken", world.taken - there, f"{world.taken} inputs taken of {there}")
    for partition in range(PARTITIONS):
        inbox = _read(world, NAMES.inbox, partition)
        place = f"{NAMES.inbox}-{partition}"
        actual = [(r.key, r.value) for r in inbox if not is_message(r.headers)]
        check_written(actual, forwarded.get(partition, []), found, place, once=once)
        # Those of several senders come in any order, which the ledger has.
        actual = sorted((r.key or b"", r.value or b"") for r in inbox if is_message(r.headers))
        expected = sorted((key or b"", value or b"") for key, value in said.get(partition, []))
        check_written(actual, expected, found, f"{place}, messages", once=once)


def _core(world: World, partition: int, found: Findings) -> Core:
    log = [r for topic in NAMES.read for r in _read(world, topic, partition)]
    by_place = {(record.topic, record.offset): record for record in log}
    entries = ledger_entries(_read(world, NAMES.ledger, partition))
    place = f"ledger {partition}"
    if not world.case.transactional:
        entries = once_each(entries, found, place)
    check_ledger(entries, by_place, found, place)
    core = Core(partition)
    if world.case.stream:
        core.stream(log)
    else:
        core.wall(by_place, entries)
    return core


def _read(world: World, topic: str, partition: int) -> list[Record]:
    return world.broker.log(topic, partition).read(0)


def _counts(world: World) -> Counter[str]:
    broker = world.broker
    logs = broker.logs()
    inputs = [log for log in logs if log.topic in NAMES.inputs]
    commands = [log for log in logs if log.topic in NAMES.commands.values()]
    return Counter(
        faults=world.weather.faults,
        restarts=world.restarts,
        put_outs=world.put_outs,
        events=sum(len(log.entries) for log in inputs),
        commands=sum(len(log.read(0)) for log in commands),
        aborted_records=sum(log.uncommitted() for log in logs),
        fenced_producers=broker.fenced,
        flushes=sum(len(log.read(0)) for log in logs if log.topic == NAMES.ledger),
    )
