import pytest
from faust.types import TP

from journey_engine.observe.metrics import Metrics
from journey_engine.run.positions import PositionError, Positions

WEB = TP("web", 0)


def lost(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("journey_lost_records_total", {"topic": "web"}) or 0.0


def test_each_gap_is_counted_once_however_often_it_is_come_upon() -> None:
    metrics = Metrics()
    positions = Positions(metrics)
    assert positions.reachable(WEB, 10, 10) == 10
    assert lost(metrics) == 0
    assert positions.out_of_range(WEB, 10, 15) == 15
    assert positions.reachable(WEB, 10, 15) == 15, "nothing behind the gap was committed yet"
    assert lost(metrics) == 5
    assert positions.reachable(WEB, 10, 18) == 18
    assert lost(metrics) == 8
    assert positions.reachable(WEB, 20, 18) == 20
    assert positions.reachable(WEB, 20, 21) == 21
    assert lost(metrics) == 9


def test_a_topic_never_read_begins_where_its_log_begins_and_lost_nothing() -> None:
    metrics = Metrics()
    assert Positions(metrics).reachable(WEB, None, 7) == 7
    assert lost(metrics) == 0


def test_a_log_that_ends_before_the_position_is_refused() -> None:
    with pytest.raises(PositionError, match="web, partition 0, ends before offset 9"):
        Positions(Metrics()).out_of_range(WEB, 9, 0)
