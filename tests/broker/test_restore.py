"""A changelog read back, and what is said of one that is not the store's, on Apache Kafka."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import PolicyViolationError
from aiokafka.structs import TopicPartition

from journey_engine.encode.position import POSITION_KEY, Position, encode_position
from journey_engine.run.producers import Output
from journey_engine.run.producing import Message
from journey_engine.run.restoration import RestorationError
from journey_engine.run.restore import LEDGER_TAIL, KafkaChangelogs
from journey_engine.run.rocks import DiskStore, RocksMemory
from journey_engine.run.settings import StoreKind
from tests.broker.rig import PATIENCE_S
from tests.broker.shipped import ShippedRig

pytestmark = pytest.mark.kafka


@pytest.fixture
async def rig(new_rig: Callable[..., ShippedRig]) -> ShippedRig:
    made = new_rig("kafka_broker")
    await made.create()
    return made


async def write(rig: ShippedRig, *keys: bytes) -> None:
    """Append states of these keys to the changelog's partition 0."""
    output = Output(rig.settings)
    await output.start()
    await output.write(rig.names.changelog, 0, [Message(key, b"state") for key in keys])
    await output.stop()


async def read(rig: ShippedRig, start: int) -> tuple[list[bytes], dict[int, int]]:
    """Keys from an offset of partition 0 to its end, and what remained at last."""
    keys: list[bytes] = []
    last: dict[int, int] = {}

    def sink(partition: int, records: Any) -> None:
        assert partition == 0
        keys.extend(record.key for record in records)

    await KafkaChangelogs(rig.settings, rig.names).restore({0: start}, sink, last.update)
    return keys, last


async def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_it_is_read_from_an_offset_to_the_end(rig: ShippedRig) -> None:
    await write(rig, b"c:1", b"c:2", b"c:3")
    assert await read(rig, 1) == ([b"c:2", b"c:3"], {0: 0})
    assert await read(rig, 3) == ([], {0: 0})


async def test_a_copy_shows_what_it_lacks_also_where_there_is_nothing_to_read(
    rig: ShippedRig,
) -> None:
    await write(rig, b"c:1", b"c:2")
    keys: list[bytes] = []
    lacks: dict[int, int] = {}
    following = asyncio.create_task(
        KafkaChangelogs(rig.settings, rig.names).follow(
            {0: 1, 1: 0}, lambda _, records: keys.extend(r.key for r in records), lacks.update
        )
    )
    await until(lambda: lacks == {0: 0, 1: 0} and keys == [b"c:2"])
    await write(rig, b"c:3")
    await until(lambda: keys == [b"c:2", b"c:3"])
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_what_was_aborted_or_is_open_is_not_read_and_not_waited_for(rig: ShippedRig) -> None:
    await write(rig, b"c:1")
    for ending in ("abort", "stay"):
        writer = AIOKafkaProducer(**rig.settings.clients(), transactional_id=f"{ending}-{id(rig)}")
        await writer.start()
        await writer.begin_transaction()
        await writer.send_and_wait(rig.names.changelog, b"lost", b"c:2", partition=0)
        if ending == "abort":
            await writer.abort_transaction()
            await writer.stop()
    assert await read(rig, 0) == ([b"c:1"], {0: 0})
    await writer.abort_transaction()
    await writer.stop()


async def test_a_store_ahead_of_its_changelog_is_refused(rig: ShippedRig) -> None:
    await write(rig, b"c:1", b"c:2")
    with pytest.raises(RestorationError, match=r"ends before offset 9.*data_dir"):
        await read(rig, 9)


async def test_a_store_behind_what_was_deleted_is_refused(rig: ShippedRig) -> None:
    await write(rig, *(b"c:%d" % number for number in range(6)))
    admin = AIOKafkaAdminClient(**rig.settings.clients())
    await admin.start()
    place = TopicPartition(rig.names.changelog, 0)
    config = {"cleanup.policy": "delete"}  # Kafka deletes no records of a compacted topic
    try:
        await set_topic(admin, rig.names.changelog, config)
        await deleted(admin, {place: RecordsToDelete(before_offset=4)})
    finally:
        await admin.close()
    with pytest.raises(RestorationError, match=r"begins at offset 4.*stands at 2.*data_dir"):
        await read(rig, 2)
    assert await read(rig, 0) == ([b"c:4", b"c:5"], {0: 0})


@pytest.mark.parametrize("begins", [0, 18, 20])
async def test_of_the_ledger_is_read_what_its_retention_left(rig: ShippedRig, begins: int) -> None:
    output, seen = Output(rig.settings), list[int]()
    await output.start()
    await output.write(rig.names.ledger, 0, [Message(None, b"%d" % n) for n in range(20)])
    await output.stop()
    admin = AIOKafkaAdminClient(**rig.settings.clients())
    await admin.start()
    place = TopicPartition(rig.names.ledger, 0)
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=begins)})
    finally:
        await admin.close()

    await KafkaChangelogs(rig.settings, rig.names).ledger_tails(
        [0], lambda _, records: seen.extend(record.offset for record in records)
    )
    assert seen == list(range(max(begins, 20 - LEDGER_TAIL), 20))


async def deleted(admin: AIOKafkaAdminClient, records: dict[TopicPartition, Any]) -> None:
    """Delete them as soon as the log knows of its topic's new setting."""
    for _ in range(50):
        try:
            await admin.delete_records(records)
        except PolicyViolationError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the topic is compacted still")


async def set_topic(admin: AIOKafkaAdminClient, topic: str, config: dict[str, str]) -> None:
    from aiokafka.admin.config_resource import (  # noqa: PLC0415 - used here alone
        ConfigResource,
        ConfigResourceType,
    )

    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])


async def test_a_worker_says_in_one_line_that_its_store_is_ahead_or_held(rig: ShippedRig) -> None:
    path = rig.settings.data_dir / rig.settings.group / StoreKind.DISK / "0"
    store = DiskStore(path, RocksMemory(16))
    position = encode_position(Position({}, "plan", 0, 7))
    store.write({POSITION_KEY.decode(): position}, 1_000)
    said = await last_words(rig)
    assert "is held by another process: stop the other worker" in said
    store.close()
    assert "ends before offset 1000, where the store of this worker stands" in await last_words(rig)


async def last_words(rig: ShippedRig) -> str:
    rig.log_file.unlink(missing_ok=True)
    with rig.start(JOURNEY_STORE="disk") as worker:
        assert worker.popen.wait(PATIENCE_S) == 1
    last = rig.log_file.read_text().splitlines()[-1]
    assert last.startswith("error: ")
    return last
