"""A shadow: changed definitions beside the live app, on its inputs and a copy of its states.

    topics made        its own; the inputs are the live app's
    states read        each partition of the live changelog, up to its last position
    inbox copied       what the live partitions had been told and not taken by then
    started            where and when, noted in the shadow's transitions
    states written     each partition as it was; the position last

The live app works on meanwhile. Its partitions are copied at different moments; what one of them
said to another in between comes twice or once, and does nothing twice: messages have ids.
"""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from typing import NamedTuple

import msgspec

from journey_engine.decode.record import Record
from journey_engine.encode.outgoing import OutKind
from journey_engine.encode.position import POSITION_KEY, Position
from journey_engine.run.merge import NEVER
from journey_engine.run.moving import (
    FIRST_FLUSH,
    App,
    MoveError,
    Placed,
    Show,
    begin,
    compare,
    output_of,
    position_of,
    read_states,
    restored,
    stores_of,
    write_states,
)
from journey_engine.run.producing import Message
from journey_engine.run.restore import KafkaChangelogs, ends_of, read_from
from journey_engine.run.store import Store
from journey_engine.run.topics import (
    check_topics,
    create_topics,
    delete_topics,
    members,
    require_topics,
)

STARTED = "journey-shadow-started"
"""Header of the note that each partition of a shadow's transitions begins with."""


class Started(NamedTuple):
    """What a shadow begins with: so many states, and each partition's clock."""

    states: int
    clocks: Mapping[int, int]


class Note(msgspec.Struct, frozen=True):
    """Where a partition of a shadow begins: the live partition's `clock` in ms, and by topic the
    end of the live outputs shortly before.
    """

    clock: int
    ends: Mapping[str, int]


async def start(live: App, shadow: App, show: Show, *, empty: bool) -> Started:
    """Make the shadow's topics and copy what the live app stands on; `empty`: copy nothing, so that
    it reads the inputs from their beginning.

    Raises:
        MoveError: the shadow is there already, or there is nothing to copy.
        TopicsError: a topic of the live app is missing, or one of either is not as declared.
        RestorationError: the live changelog is not as a worker leaves it.
        StoreError: the disk fails.
        UnresolvedError, TimeoutError: the broker does not answer.
        KafkaError: the broker refuses.
    """
    kept = () if empty else (live.names.changelog, live.names.inbox)
    there = {*live.names.inputs, *kept}
    await require_topics(live.settings, there, partitions=live.names.partitions)
    await create_topics(shadow.settings, shadow.topics)
    await check_topics(shadow.settings, shadow.topics)
    with stores_of(shadow, shadow.topics.partitions) as found:
        await _check_new(shadow, found, show)
        return Started(0, {}) if empty else await _copy(live, shadow, found, show)


async def drop(shadow: App) -> None:
    """Delete the shadow's topics.

    Raises:
        MoveError: it is at work.
        TopicsError: the broker refuses.
    """
    await _check_nobody(shadow)
    await delete_topics(shadow.settings, shadow.topics)


async def _check_nobody(shadow: App) -> None:
    count = await members(shadow.settings)
    if count:
        raise MoveError(
            f"the shadow {shadow.settings.shadow} is at work: its group has {count} members. Stop "
            "its workers; one that was killed leaves the group after session_timeout_s."
        )


async def _check_new(shadow: App, found: Mapping[int, Store], show: Show) -> None:
    await _check_nobody(shadow)
    written: list[int] = []
    await KafkaChangelogs(shadow.settings, shadow.names).ledger_tails(
        sorted(found), lambda partition, _: written.append(partition)
    )
    await read_states(shadow, found, "looking", show)
    written += [each for each, store in found.items() if store.changelog_offset()]
    if written:
        raise MoveError(
            f"the shadow {shadow.settings.shadow} has begun already: `journey-engine shadow drop` "
            "it first, or take another name"
        )


async def _copy(live: App, shadow: App, found: Mapping[int, Store], show: Show) -> Started:
    outputs = (*live.names.outputs.values(), *live.names.commands.values())
    ends = await ends_of(live.settings, outputs, live.names.partitions)
    with stores_of(live, live.topics.partitions) as sources:
        await restored(live, sources, "reading", show)
        standing = {partition: position_of(store) for partition, store in sources.items()}
        begun = {number: each for number, each in standing.items() if each is not None}
        if not begun:
            raise MoveError(
                f"the app {live.settings.app_id} has taken nothing yet: run it first, or start the "
                "shadow with --empty"
            )
        count = sum(1 for store in sources.values() for _ in store.states())
        sums = await write_states(shadow, _placed(sources), count, show)
        await _copy_inbox(live, shadow, begun)
    clocks = {number: each.clock for number, each in begun.items()}
    await _note(shadow, {number: Note(clock, ends[number]) for number, clock in clocks.items()})
    await begin(shadow, {number: _positioned(each, live) for number, each in standing.items()})
    await restored(shadow, found, "checking", show)
    compare(shadow, found, sums)
    return Started(count, clocks)


def _placed(sources: Mapping[int, Store]) -> Iterator[Placed]:
    for partition, store in sources.items():
        for key, value in store.states():
            yield Placed(partition, key, value)


async def _copy_inbox(live: App, shadow: App, begun: Mapping[int, Position]) -> None:
    """Later than any state was read: so nothing is missed that a copied partition had said."""
    inbox = live.names.inbox
    starts = dict.fromkeys(range(live.names.partitions), 0)
    starts |= {number: each.next_offsets.get(inbox, 0) for number, each in begun.items()}
    async with output_of(shadow) as output:
        async for partition, records in read_from(live.settings, inbox, starts):
            told = [_again(record) for record in records]
            await output.write(shadow.names.inbox, partition, told)


def _again(record: Record) -> Message:
    return Message(record.key, record.value, tuple(record.headers), record.timestamp)


async def _note(shadow: App, notes: Mapping[int, Note]) -> None:
    topic = shadow.names.outputs[OutKind.TRANSITION]
    async with output_of(shadow) as output:
        for partition, note in notes.items():
            header = ((STARTED, msgspec.json.encode(note)),)
            await output.write(topic, partition, [Message(POSITION_KEY, None, header)])


def _positioned(position: Position | None, live: App) -> Position:
    """As the live partition, but with an inbox of its own."""
    inbox = live.names.inbox
    if position is None:
        return Position({}, "", NEVER, FIRST_FLUSH)
    return Position(
        next_offsets={t: at for t, at in position.next_offsets.items() if t != inbox},
        plan_hash=position.plan_hash,
        clock=position.clock,
        flush=FIRST_FLUSH,
        merge_times={t: at for t, at in position.merge_times.items() if t != inbox},
        cluster=position.cluster,
    )


async def notes_of(shadow: App) -> Mapping[int, Note]:
    """By partition where the shadow began; none of one that began empty.

    Raises:
        KafkaError, TimeoutError: the broker cannot be read.
    """
    topic, found = shadow.names.outputs[OutKind.TRANSITION], dict[int, Note]()
    looked: set[int] = set()
    starts = dict.fromkeys(range(shadow.names.partitions), 0)
    async with aclosing(read_from(shadow.settings, topic, starts)) as batches:
        async for partition, records in batches:
            if partition not in looked and records:
                looked.add(partition)
                noted = dict(records[0].headers).get(STARTED)
                if noted is not None:
                    found[partition] = msgspec.json.decode(noted, type=Note)
            if len(looked) == len(starts):
                break
    return found
