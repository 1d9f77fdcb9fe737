"""Metrics: a flush's counts under their names and labels."""

from faust.types import TP

from journey_engine.observe.metrics import Metrics
from journey_engine.run.outbox import Statistics
from journey_engine.run.transport import End


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_flush_adds_its_counts() -> None:
    metrics = Metrics()
    statistics = Statistics()
    statistics.inputs["OrderPlaced", "APPLIED"] = 3
    statistics.commands["email", "SEND"] = 2
    statistics.dead_letters["INVALID"] = 1
    statistics.timer_lateness.append(1500)
    statistics.state_sizes[4096] = 4
    metrics.committed(statistics, 0.01)
    metrics.committed(statistics, 0.01)
    applied = value(metrics, "journey_inputs_total", type="OrderPlaced", outcome="APPLIED")
    assert applied == 6
    assert value(metrics, "journey_commands_total", channel="email", action="SEND") == 4
    assert value(metrics, "journey_dead_letters_total", code="INVALID") == 2
    assert value(metrics, "journey_timer_lateness_seconds_sum") == 3
    assert value(metrics, "journey_states_written_total", below_bytes="4096") == 8
    assert value(metrics, "journey_commit_seconds_count") == 2


def test_lag_is_what_was_not_handed_out_and_leaves_with_the_partitions() -> None:
    metrics = Metrics()
    metrics.lag({TP("in", 1): End(position=7, stable=10, asked_at=0)})
    assert value(metrics, "journey_lag_records", topic="in", partition="1") == 3
    metrics.running(0)
    assert value(metrics, "journey_lag_records", topic="in", partition="1") is None
