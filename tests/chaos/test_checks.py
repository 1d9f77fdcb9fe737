"""The checkers themselves: each kind of damage is reported, and sound logs are clean."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, Run, decode_ledger, encode_ledger
from journey_engine.encode.message import HEADERS, is_message
from journey_engine.encode.outgoing import OutKind
from journey_engine.encode.position import POSITION_KEY
from journey_engine.run.settings import ClockKind
from tests.chaos.checks import Findings
from tests.chaos.judging import Evidence, judge
from tests.chaos.reading import Place
from tests.chaos.recorded import Recording

Damage = Callable[[Evidence, list[Record]], list[Record]]


@pytest.fixture(scope="module", params=list(ClockKind))
def sound(request: pytest.FixtureRequest) -> Evidence:
    return Recording(request.param).run()


def judged(evidence: Evidence) -> Findings:
    found = Findings()
    judge(found, evidence)
    return found


def damaged(evidence: Evidence, place: Place, damage: Damage) -> Findings:
    lying = damage(evidence, list(evidence.committed[place]))
    return judged(replace(evidence, committed={**evidence.committed, place: lying}))


def commands(evidence: Evidence) -> Place:
    """Where somebody got two e-mails."""
    topic = evidence.shop.names.commands["email"]
    return next(
        place
        for place, lying in evidence.committed.items()
        if place.topic == topic and len({record.key for record in lying}) < len(lying)
    )


def transitions(evidence: Evidence) -> Place:
    return Place(evidence.shop.names.outputs[OutKind.TRANSITION], 3)


def letters(evidence: Evidence) -> Place:
    return Place(evidence.shop.names.outputs[OutKind.DEADLETTER], 3)


def changelog(evidence: Evidence) -> Place:
    return Place(evidence.shop.names.changelog, 3)


def ledger(evidence: Evidence) -> Place:
    return Place(evidence.shop.names.ledger, 3)


def without_one(_: Evidence, records: list[Record]) -> list[Record]:
    return records[:1] + records[2:]


def one_twice(_: Evidence, records: list[Record]) -> list[Record]:
    return [*records, records[1]]


def two_swapped(_: Evidence, records: list[Record]) -> list[Record]:
    """Two of the same customer."""
    by_key = defaultdict(list)
    for index, record in enumerate(records):
        by_key[record.key].append(index)
    first, second = next(places for places in by_key.values() if len(places) > 1)[:2]
    records[first], records[second] = records[second], records[first]
    return records


def one_of_another_body(_: Evidence, records: list[Record]) -> list[Record]:
    records[5] = records[5]._replace(value=(records[5].value or b"")[:-1] + b"?")
    return records


def old_state(_: Evidence, records: list[Record]) -> list[Record]:
    """The last state of a customer was not written."""
    last = max(n for n, r in enumerate(records) if r.key != POSITION_KEY and r.value is not None)
    return records[:last] + records[last + 1 :]


def no_position(_: Evidence, records: list[Record]) -> list[Record]:
    return [record for record in records if record.key != POSITION_KEY]


def edited(record: Record, edit: Callable[[LedgerEntry], LedgerEntry]) -> Record:
    return record._replace(value=encode_ledger(edit(decode_ledger(record.value or b""))))


def shorter_run(_: Evidence, records: list[Record]) -> list[Record]:
    def edit(entry: LedgerEntry) -> LedgerEntry:
        at = next(n for n, step in enumerate(entry.steps) if isinstance(step, Run))
        return LedgerEntry(entry.plan_hash, entry.flush, entry.steps[:at] + entry.steps[at + 1 :])

    return [edited(record, edit) if n == 4 else record for n, record in enumerate(records)]


def run_again(_: Evidence, records: list[Record]) -> list[Record]:
    earlier = decode_ledger(records[2].value or b"").steps

    def edit(entry: LedgerEntry) -> LedgerEntry:
        return LedgerEntry(entry.plan_hash, entry.flush, [*earlier, *entry.steps])

    return [edited(record, edit) if n == 4 else record for n, record in enumerate(records)]


def now_back(_: Evidence, records: list[Record]) -> list[Record]:
    def at(now: int) -> Callable[[LedgerEntry], LedgerEntry]:
        def edit(entry: LedgerEntry) -> LedgerEntry:
            steps = [
                Run(step.topic, step.first, step.last, now) if isinstance(step, Run) else step
                for step in entry.steps
            ]
            return LedgerEntry(entry.plan_hash, entry.flush, steps)

        return edit

    nows = {2: 2_000, 4: 1_000}
    return [
        edited(record, at(nows[n])) if n in nows else record for n, record in enumerate(records)
    ]


DAMAGES = [
    (commands, without_one, {"lost"}),
    (commands, one_twice, {"duplicated"}),
    (commands, two_swapped, {"reordered"}),
    (commands, one_of_another_body, {"lost", "phantom"}),
    (transitions, without_one, {"lost"}),
    (transitions, two_swapped, {"reordered"}),
    (letters, one_twice, {"duplicated", "letters"}),
    (letters, without_one, {"lost"}),
    (changelog, old_state, {"states"}),
    (changelog, no_position, {"positions"}),
    (ledger, without_one, {"ledger_flushes", "ledger_gap"}),
    (ledger, one_twice, {"ledger_flushes"}),
    (ledger, shorter_run, {"ledger_gap"}),
    (ledger, run_again, {"ledger_again"}),
]


def test_sound_logs_are_clean(sound: Evidence) -> None:
    assert judged(sound).examples == {}


def test_the_recording_has_everything_that_is_checked(sound: Evidence) -> None:
    for place in (commands(sound), transitions(sound), letters(sound), changelog(sound)):
        assert len(sound.committed[place]) > 1, place
    inbox = [
        is_message(one.headers)
        for place, lying in sound.committed.items()
        if place.topic == sound.shop.names.inbox
        for one in lying
    ]
    assert set(inbox) == ({True, False} if sound.clock is ClockKind.WALL else set())


@pytest.mark.parametrize(
    ("where", "damage", "reported"),
    [pytest.param(*each, id=f"{each[0].__name__}-{each[1].__name__}") for each in DAMAGES],
)
def test_damage_is_reported(
    sound: Evidence, where: Callable[[Evidence], Place], damage: Damage, reported: set[str]
) -> None:
    assert reported <= damaged(sound, where(sound), damage).counts.keys()


def test_a_timer_fired_twice_is_reported(sound: Evidence) -> None:
    def again(_: Evidence, records: list[Record]) -> list[Record]:
        return records + records[-3:]

    counts = damaged(sound, transitions(sound), again).counts
    assert counts["timers_twice"] > 0
    assert counts["duplicated"] == 3


def test_time_that_goes_back_is_reported(sound: Evidence) -> None:
    assert "ledger_now_back" in damaged(sound, ledger(sound), now_back).counts


@pytest.fixture(scope="module")
def talking() -> Evidence:
    """Partitions talk to each other on wall time alone."""
    return Recording(ClockKind.WALL).run()


def test_what_is_lost_or_doubled_between_partitions_is_reported(talking: Evidence) -> None:
    inbox = Place(talking.shop.names.inbox, 3)
    assert "lost" in damaged(talking, inbox, lambda _, records: records[:-1]).counts
    assert "duplicated" in damaged(talking, inbox, lambda _, r: [*r, r[0]]).counts


def test_a_command_too_many_for_its_channel_is_reported(talking: Evidence) -> None:
    sms = Place(talking.shop.names.commands["sms"], 3)
    assert len(talking.committed[sms]) > 1
    counts = damaged(talking, sms, lambda _, records: records[:1] * 21).counts
    assert counts["over_capacity"] > 0


def test_what_was_said_before_the_workers_left_must_be_taken(sound: Evidence) -> None:
    inbox = Place(sound.shop.names.inbox, 3)
    lying = sound.committed[inbox]
    more = [*lying, Record(*inbox, len(lying), 0, b"k", b"", HEADERS)]
    late = replace(sound, committed={**sound.committed, inbox: more})
    assert "ledger_gap" in judged(late).counts
    taken = replace(late, settled={inbox: len(lying) - 1})
    assert "ledger_gap" not in judged(taken).counts


def test_an_input_that_was_not_sent_is_reported(sound: Evidence) -> None:
    place = next(iter(sound.sent))
    assert "input_differs" in damaged(sound, place, one_twice).counts
