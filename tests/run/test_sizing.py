"""What a deployment needs."""

from dataclasses import replace

import pytest

from journey_engine.define.topics import APP_DEFAULT, Topics, parse_topics
from journey_engine.run.rocks_options import LEVEL_0_FILES, WRITE_BUFFER
from journey_engine.run.sizing import (
    BUSY,
    CORE_OF_WORKER,
    CORE_PER_PARTITION,
    EVENTS_PER_CORE,
    RESTORE_MAX_S,
    Load,
    size,
)

TOPICS = parse_topics(
    "topics.yaml", "{partitions: 4, inputs: {web: {}}, commands: {email: {}}}", APP_DEFAULT
)
SMALL = Load(1_000, 1, 1, 200, 1024, 0)


@pytest.mark.parametrize("customers", [1_000, 1_000_000, 10_000_000, 10**12])
@pytest.mark.parametrize("rate", [1, 5_000, 100_000, 10**9])
def test_workers_have_room_and_restores_end(customers: int, rate: int) -> None:
    found = size(SMALL._replace(customers=customers, events_per_s=rate), TOPICS, 3)
    assert found.workers >= 2
    assert rate / found.workers / EVENTS_PER_CORE < found.core_used <= BUSY
    assert found.restore_s <= RESTORE_MAX_S
    assert found.partitions >= 4 * found.workers
    assert found.partitions & (found.partitions - 1) == 0
    assert found.customers_per_worker * found.workers >= customers


def test_each_copy_takes_the_disk_of_a_partition_once_more() -> None:
    alone, copied = (size(SMALL._replace(standbys=count), TOPICS, 3) for count in (0, 1))
    assert copied.worker_disk == 2 * alone.worker_disk


@pytest.mark.parametrize("standbys", [0, 1, 2, 3])
def test_each_copy_has_a_worker_of_its_own(standbys: int) -> None:
    assert size(SMALL._replace(standbys=standbys), TOPICS, 3).workers == max(2, standbys + 1)


@pytest.mark.parametrize(
    ("partitions", "rate", "measured"), [(1, 1_000, 0.17), (8, 1_000, 0.41), (32, 1_000, 0.72),
                                         (4, 500, 0.33), (4, 50, 0.17)]
)  # fmt: skip
def test_a_core_is_reckoned_at_what_was_measured_or_more(
    partitions: int, rate: int, measured: float
) -> None:
    reckoned = CORE_OF_WORKER + partitions * CORE_PER_PARTITION + rate / EVENTS_PER_CORE
    assert measured - 0.1 < reckoned < measured + 0.15


def test_a_partition_has_room_for_what_waits_to_be_merged_however_few_customers_it_has() -> None:
    found = size(SMALL, TOPICS, 3)
    owned = found.partitions // found.workers
    assert found.worker_disk > owned * LEVEL_0_FILES * WRITE_BUFFER


def test_what_topics_keep_follows_from_their_retention() -> None:
    idle = SMALL._replace(average_per_s=0)
    states = size(idle, TOPICS, 1).kafka_disk
    web = TOPICS.inputs["web"]
    longer: Topics = replace(TOPICS, inputs={"web": replace(web, retention=2 * web.retention)})
    once, twice = (size(SMALL, each, 1).kafka_disk - states for each in (TOPICS, longer))
    assert twice - once == pytest.approx((200 + 80) * web.retention / 1000, abs=1)
    assert size(SMALL, TOPICS, 3).kafka_disk == pytest.approx(3 * (once + states), abs=3)


def test_many_partitions_need_more_memory() -> None:
    many = size(SMALL._replace(customers=100_000_000, standbys=3), TOPICS, 3)
    assert many.worker_memory_mib >= size(SMALL, TOPICS, 3).worker_memory_mib
