"""Units of work on Kafka: seen whole, once, or not at all."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from journey_engine.observe.metrics import Metrics
from journey_engine.run.brokers import EmbeddedBroker
from journey_engine.run.clock import StreamClock
from journey_engine.run.guarantee import GuaranteeError, guarantee_of
from journey_engine.run.outgoing import Encoding
from journey_engine.run.partition import Partition, Parts, StuckError
from journey_engine.run.producers import TransactionalProducer
from journey_engine.run.producing import FencedError, Message, Seams, UnresolvedError
from journey_engine.run.restore import KafkaChangelogs
from journey_engine.run.settings import Guarantee, load
from journey_engine.run.store import MemoryStore
from journey_engine.run.wiring import Wiring
from tests.broker.rig import PATIENCE_S, Rig, shop_log
from tests.run.shop import SCHEMAS, wiring


def parts_of(rig: Rig, metrics: Metrics) -> Parts:
    made = wiring()
    shop = Wiring(made.plan, made.reader, rig.names.inputs, rig.names.inbox, rig.topics.partitions)
    return Parts(
        encoding=Encoding(rig.names, SCHEMAS, metrics, 1_000_000),
        wiring=shop,
        clock=StreamClock,
        seams=Seams(
            producer=partial(TransactionalProducer, rig.settings),
            store=lambda _: MemoryStore(),
            changelogs=KafkaChangelogs(rig.settings, rig.names),
        ),
        commit_interval_s=0.1,
        commit_records=5_000,
    )


def work(rig: Rig, partition: Partition, events: int = 60) -> None:
    """Feed the partition its share of a log and step to its end."""
    for record in rig.records(shop_log(events)):
        if record.partition == partition.number:
            partition.feed(record.topic, [record], record.offset + 1)
    while partition.step(0, 1_000).taken:
        pass


async def group_offsets(rig: Rig, partition: int) -> dict[str, int | None]:
    group = AIOKafkaConsumer(
        bootstrap_servers=list(rig.settings.brokers),
        group_id=rig.settings.group,
        enable_auto_commit=False,
    )
    await group.start()
    try:
        return {
            topic: await group.committed(TopicPartition(topic, partition))
            for topic in rig.names.inputs
        }
    finally:
        await group.stop()


@asynccontextmanager
async def opened(parts: Parts, number: int = 0) -> AsyncIterator[Partition]:
    partition = Partition(number, parts)
    try:
        await partition.open()
        partition.run()
        yield partition
    finally:
        await partition.close()


@pytest.mark.kafka
async def test_a_commit_carries_outputs_state_and_group_offsets(rig: Rig) -> None:
    metrics = Metrics()
    async with opened(parts_of(rig, metrics)) as partition:
        work(rig, partition)
        assert partition.due(1.0, 1)
        await partition.commit(1.0)
        assert not partition.due(100.0, 1), "an idle partition begins no transaction"
        reached = dict(partition.positions())
        assert partition.task.position is not None
    assert await rig.written()
    assert await rig.states()
    assert await group_offsets(rig, 0) == reached
    async with opened(parts_of(rig, metrics)) as again:
        assert dict(again.positions()) == reached


@pytest.mark.kafka
async def test_a_zombie_is_fenced_and_writes_nothing(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    async with opened(parts_of(rig, metrics)) as zombie:
        work(rig, zombie)
        async with opened(parts_of(rig, metrics)) as owner:
            with pytest.raises(FencedError):
                await zombie.commit(1.0)
            assert not zombie.running
            assert zombie.task.position is None
            assert await rig.written() == {}
            work(rig, owner)
            await owner.commit(1.0)
            written = await rig.written()
            assert set(written.values()) == {1}
            await zombie.release(2.0, commit=True)
            assert await rig.written() == written
    gc.collect()
    assert not [line for line in caplog.records if line.name == "asyncio"], "said once, by us"
    assert metrics.registry.get_sample_value("journey_fenced_partitions_total") == 1


@pytest.mark.kafka
async def test_an_owner_whose_producer_was_fenced_for_nothing_recovers(rig: Rig) -> None:
    metrics = Metrics()
    async with opened(parts_of(rig, metrics)) as partition:
        work(rig, partition)
        other = TransactionalProducer(rig.settings, 0)
        await other.start()
        await other.stop()
        with pytest.raises(FencedError):
            await partition.commit(1.0)
        await partition.recover()
        partition.run()
        assert dict(partition.positions()) == {}
        work(rig, partition)
        await partition.commit(2.0)
    assert set((await rig.written()).values()) == {1}


@pytest.mark.kafka
async def test_a_partition_that_comes_back_goes_on_as_it_was(rig: Rig) -> None:
    async with opened(parts_of(rig, Metrics())) as partition:
        work(rig, partition)
        await partition.release(1.0, commit=True)
        assert partition.step(0, 1_000) == (0, 0, False)
        reached, states = dict(partition.positions()), await rig.states()
        await partition.open()
        assert dict(partition.positions()) == reached
        partition.run()
        work(rig, partition, events=120)
        await partition.commit(2.0)
    written = await rig.written()
    assert set(written.values()) == {1}
    assert await rig.states() != states


@pytest.mark.kafka
async def test_a_refused_batch_undoes_the_whole_and_ends_in_a_stop(rig: Rig) -> None:
    metrics = Metrics()
    small = f"small-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=list(rig.settings.brokers))
    await admin.start()
    await admin.create_topics([NewTopic(small, 3, 1, topic_configs={"max.message.bytes": "100"})])
    await admin.close()
    parts = parts_of(rig, metrics)
    names = parts.encoding.names
    refused = type(names)(
        names.partitions,
        names.inputs,
        names.inbox,
        small,
        names.ledger,
        names.commands,
        names.outputs,
        names.max_bytes,
    )
    encoding = Encoding(refused, SCHEMAS, metrics, 1_000_000)
    parts = Parts(encoding, parts.wiring, StreamClock, parts.seams, 0.1, 5_000)
    async with opened(parts) as partition:
        for _ in range(3):
            work(rig, partition)
            with pytest.raises(UnresolvedError):
                await partition.commit(1.0)
            assert not partition.running
            await partition.recover()
            partition.run()
            assert dict(partition.positions()) == {}
        with pytest.raises(StuckError):
            await partition.recover()
    assert await rig.written() == {}
    assert set((await group_offsets(rig, 0)).values()) == {None}
    assert metrics.registry.get_sample_value("journey_aborted_commits_total") == 3


@pytest.mark.kafka
async def test_an_unknown_outcome_is_read_from_the_changelog(rig: Rig) -> None:
    """The broker commits and the answer is lost: the work is not done again."""
    lost: list[bool] = []

    class Deaf(TransactionalProducer):
        async def commit(self) -> None:
            await super().commit()
            if not lost:
                lost.append(True)
                raise UnresolvedError("no answer")

    parts = parts_of(rig, Metrics())
    seams = parts.seams._replace(producer=partial(Deaf, rig.settings))
    parts = Parts(parts.encoding, parts.wiring, StreamClock, seams, 0.1, 5_000)
    async with opened(parts) as partition:
        work(rig, partition)
        reached = dict(partition.positions())
        with pytest.raises(UnresolvedError):
            await partition.commit(1.0)
        await partition.recover()
        assert dict(partition.positions()) == reached
        partition.run()
        assert not partition.due(100.0, 1)
    assert set((await rig.written()).values()) == {1}
    metrics = parts.encoding.metrics.registry
    assert metrics.get_sample_value("journey_unresolved_commits_total") == 1
    assert metrics.get_sample_value("journey_aborted_commits_total") == 0


@pytest.mark.kafka
async def test_an_aborted_transaction_holds_up_no_reader(rig: Rig) -> None:
    producer = TransactionalProducer(rig.settings, 1)
    topic = rig.names.outputs[next(iter(rig.names.outputs))]
    await producer.start()
    await producer.begin()
    await producer.write(topic, 1, [Message(b"k", b"v")])
    await producer.abort()
    await producer.stop()
    reader: Any = AIOKafkaConsumer(
        bootstrap_servers=list(rig.settings.brokers), isolation_level="read_committed"
    )
    await reader.start()
    try:
        place = TopicPartition(topic, 1)
        reader.assign([place])
        # The broker answers an abort before it writes the mark.
        async with asyncio.timeout(PATIENCE_S):
            while await reader.end_offsets([place]) != {place: 2}:  # noqa: ASYNC110 - of the broker
                await asyncio.sleep(0.05)
        assert await rig.written() == {}
    finally:
        await reader.stop()


@pytest.mark.kafka
async def test_a_kill_before_a_commit_leaves_everything_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = rig.records(shop_log(600))
    expected = rig.expected(records)
    await rig.publish(records)
    for transactions in ("1", "5"):
        monkeypatch.setattr(rig, "program", ("tests.broker.dying_worker", transactions))
        with rig.start(JOURNEY_COMMIT_RECORDS="10") as worker:
            assert worker.popen.wait(PATIENCE_S) == -9
    monkeypatch.undo()
    assert len(await rig.written()) < len(expected)
    with rig.start() as worker:
        await worker.ready()
        written = await rig.written_at_least(len(expected))
        assert worker.metrics()["journey_guarantee_info"][0][0] == {"guarantee": "exactly_once"}
        assert worker.stop() == 0
    assert written == expected


@pytest.mark.embedded
async def test_a_broker_without_transactions_gets_at_least_once_and_says_so(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    rig = Rig(embedded_broker.address, f"shop-{uuid4().hex[:8]}", tmp_path)
    await rig.create()
    assert await guarantee_of(rig.settings) is Guarantee.AT_LEAST_ONCE
    with rig.start() as worker:
        await worker.ready()
        assert worker.metrics()["journey_guarantee_info"][0][0] == {"guarantee": "at_least_once"}
        assert worker.stop() == 0
    assert '"guarantee": "at_least_once"' in rig.log_file.read_text()
    settings = load(brokers=embedded_broker.address, guarantee="exactly_once")
    with pytest.raises(GuaranteeError, match="the broker has no transactions"):
        await guarantee_of(settings)
