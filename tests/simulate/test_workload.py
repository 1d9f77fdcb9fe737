import gzip
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from journey_engine.decode.decode import Reader, Rejected, decode
from journey_engine.decode.log import Place, read_line, route
from journey_engine.errors import DeadLetterCode
from journey_engine.schemas import Schemas
from journey_engine.simulate.__main__ import main
from journey_engine.simulate.workload import (
    ORDER_CUSTOMERS,
    ORDERS,
    Line,
    order_log,
    shop_log,
    to_gzip,
    to_json_lines,
)

KIBIBYTES = 1024


@pytest.fixture(scope="module")
def log(schemas: Schemas) -> list[Line]:
    return shop_log(schemas)


def test_the_shipped_log_is_what_its_seed_gives(log: list[Line]) -> None:
    shipped = resources.files("journey_engine.simulate").joinpath("shop.jsonl.gz").read_bytes()
    assert gzip.decompress(shipped) == to_json_lines(log)
    assert len(shipped) < 400 * KIBIBYTES


def test_another_seed_gives_another_shop(schemas: Schemas) -> None:
    assert shop_log(schemas, seed=2, shoppers=5) != shop_log(schemas, seed=1, shoppers=5)


def test_a_customer_more_changes_nobody_elses_life(schemas: Schemas) -> None:
    def of(log: list[Line], customer: str) -> list[tuple[object, object]]:
        lines = [line for line in log if "raw" not in line and line.get("customer_id") == customer]
        return sorted({(str(line["type"]), str(line["occurred_at"])) for line in lines})

    few, more = shop_log(schemas, shoppers=5), shop_log(schemas, shoppers=6)
    assert of(few, "c0003") == of(more, "c0003")
    assert of(few, "c0003")


def test_compression_leaves_no_trace_of_when_it_was_done() -> None:
    assert to_gzip(b"text")[4:8] == bytes(4)


def test_every_line_can_be_published(log: list[Line], schemas: Schemas) -> None:
    for number, line in enumerate(log, 1):
        read_line(line, schemas, Place("shop.jsonl", number))


def test_broken_records_are_rejected_for_each_reason_and_no_other_record_is(
    log: list[Line], schemas: Schemas
) -> None:
    lines = [read_line(line, schemas, Place("shop.jsonl", n)) for n, line in enumerate(log, 1)]
    topics = {str(line["channel"]): f"interactions.{line['channel']}.v1" for line in log}
    reader = Reader(schemas, {name: frozenset() for name in schemas.events})
    results = [decode(record, reader) for record in route(lines, schemas, topics, 4, marks=False)]
    codes = Counter(result.code for result in results if isinstance(result, Rejected))
    assert set(codes) == {
        DeadLetterCode.DECODE_ERROR,
        DeadLetterCode.FUTURE,
        DeadLetterCode.INVALID,
        DeadLetterCode.NO_CUSTOMER,
        DeadLetterCode.SCHEMA_UNKNOWN,
    }
    assert codes.total() == sum("raw" in line for line in log)


def test_lines_are_in_order_of_arrival(log: list[Line]) -> None:
    arrivals = [str(line["recorded_at"]) for line in log]
    assert arrivals == sorted(arrivals)


def test_a_share_of_the_lines_is_broken_repeated_or_late(log: list[Line]) -> None:
    events = [line for line in log if "raw" not in line]
    ids = Counter(line["event_id"] for line in events)
    assert 0.01 < sum("raw" in line for line in log) / len(log) < 0.03
    assert 0.01 < sum(count > 1 for count in ids.values()) / len(ids) < 0.04
    assert sum(_is_late(line) for line in events) > 20


def test_the_incident_is_where_payments_fail(log: list[Line]) -> None:
    days = Counter(
        str(line["occurred_at"])[:10] for line in log if line.get("type") == "PaymentFailed"
    )
    incident = {f"2026-03-{day}" for day in range(25, 32)}
    assert sum(days[day] for day in incident) > 0.8 * days.total()
    assert days.total() > 30


def test_the_order_book_has_its_size_and_a_long_tail() -> None:
    log = order_log()
    per_customer = Counter(line["customer_id"] for line in log)
    assert (len(log), len(per_customer)) == (ORDERS, ORDER_CUSTOMERS)
    assert sorted(_time(line) for line in log) == [_time(line) for line in log]
    assert sum(count <= 3 for count in per_customer.values()) > ORDER_CUSTOMERS // 2
    assert max(per_customer.values()) > 100


def _is_late(line: Mapping[str, object]) -> bool:
    happened, arrived = (
        datetime.fromisoformat(str(line[name])) for name in ("occurred_at", "recorded_at")
    )
    return not line.get("backfill") and arrived - happened > timedelta(hours=1)


def _time(line: Line) -> int:
    at = line["occurred_at"]
    assert isinstance(at, int)
    return at


def test_a_file_that_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "none" / "log.jsonl.gz"
    assert main(["orders", str(target)]) == 1
    assert capsys.readouterr().err == f"{target}: No such file or directory\n"
