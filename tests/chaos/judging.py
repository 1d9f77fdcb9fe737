"""Everything that a run left, held against the oracle."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from journey_engine.encode.outgoing import OutKind
from journey_engine.run.settings import ClockKind
from tests.chaos import checks
from tests.chaos.oracle import Shop, by_ledger, by_stream
from tests.chaos.reading import Contents, Place


@dataclass(frozen=True)
class Evidence:
    """What a `read_committed` consumer sees of every topic, and what was sent.

    `poison` counts what cannot be decoded by the code of its dead letter. `settled` is up to where
    the inbox must have been taken: what is said while workers leave waits for the next ones. Left
    out: all of it.
    """

    shop: Shop
    clock: ClockKind
    committed: Contents
    sent: Contents
    poison: Mapping[str, int]
    settled: Mapping[Place, int] = field(default_factory=dict)


def judge(found: checks.Findings, evidence: Evidence) -> None:
    """Add all that is wrong."""
    shop, committed, names = evidence.shop, evidence.committed, evidence.shop.names
    inputs = only(committed, names.read)
    ledger = only(committed, (names.ledger,))
    checks.check_inputs(found, inputs, evidence.sent)
    taken = checks.up_to(inputs, ledger, evidence.settled)
    checks.check_ledger(found, ledger, taken)
    if evidence.clock is ClockKind.WALL:
        entries = {place.partition: checks.entries(each) for place, each in ledger.items()}
        expected = by_ledger(shop, inputs, entries)
    else:
        expected = by_stream(shop, inputs)
    outputs = (*names.commands.values(), *names.outputs.values())
    letters, transitions = (names.outputs[k] for k in (OutKind.DEADLETTER, OutKind.TRANSITION))
    checks.check_outputs(found, expected, only(committed, outputs))
    checks.check_forwards(found, expected, only(committed, (names.inbox,)))
    checks.check_timers(found, only(committed, (transitions,)), shop.definitions.schemas)
    checks.check_states(found, expected, only(committed, (names.changelog,)), taken)
    checks.check_letters(found, only(committed, (letters,)), evidence.poison)
    checks.check_room(found, shop, committed)


def only(contents: Contents, topics: Collection[str]) -> Contents:
    """What lies in these topics."""
    wanted = set(topics)
    return {place: records for place, records in contents.items() if place.topic in wanted}
