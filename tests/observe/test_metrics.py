"""Metrics: a flush's counts under their names and labels."""

from faust.types import TP

from journey_engine.observe.metrics import Committed, Metrics
from journey_engine.run.outbox import Statistics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_flush_adds_its_counts() -> None:
    metrics = Metrics()
    statistics = Statistics()
    statistics.inputs["OrderPlaced", "APPLIED"] = 3
    statistics.commands["email", "SEND"] = 2
    statistics.dead_letters["INVALID", "decode"] = 1
    statistics.records["interactions.web.v1"] = 2
    statistics.timer_lateness.append(1500)
    statistics.state_sizes[4096] = 4
    for arrived in (1000, 1063, 1088, 90_000):
        statistics.arrived(arrived)
    metrics.decided(statistics)
    metrics.committed(statistics, Committed(now=2000, since_decided=0.02, seconds=0.01))
    metrics.decided(statistics)
    metrics.committed(statistics, Committed(now=2000, since_decided=0.02, seconds=None))
    applied = value(metrics, "journey_inputs_total", type="OrderPlaced", outcome="APPLIED")
    assert applied == 6
    assert value(metrics, "journey_commands_total", channel="email", action="SEND") == 4
    assert value(metrics, "journey_commands_decided_total") == 4
    refused = value(metrics, "journey_dead_letters_total", code="INVALID", stage="decode")
    assert refused == 2
    assert value(metrics, "journey_records_total", topic="interactions.web.v1") == 4
    assert value(metrics, "journey_timer_lateness_seconds_sum") == 3
    assert value(metrics, "journey_states_written_total", below_bytes="4096") == 8
    assert value(metrics, "journey_commit_seconds_count") == 1
    assert value(metrics, "journey_input_delay_seconds_count") == 8
    assert value(metrics, "journey_input_delay_seconds_bucket", le="0.05") == 2, "not yet: no wait"
    assert value(metrics, "journey_input_delay_seconds_bucket", le="0.5") == 2
    assert value(metrics, "journey_input_delay_seconds_bucket", le="2.0") == 8
    assert value(metrics, "journey_publish_delay_seconds_bucket", le="0.01") == 0
    assert value(metrics, "journey_publish_delay_seconds_bucket", le="0.025") == 4


def test_a_step_counts_each_of_its_inputs() -> None:
    metrics = Metrics()
    metrics.stepped(0, 1.0)
    metrics.stepped(4, 0.0002)
    assert value(metrics, "journey_decision_seconds_count") == 4
    assert value(metrics, "journey_decision_seconds_bucket", le="2.5e-05") == 0
    assert value(metrics, "journey_decision_seconds_bucket", le="5e-05") == 4, "a bound is within"
    assert value(metrics, "journey_decision_seconds_bucket", le="+Inf") == 4


def test_lag_leaves_with_the_partitions() -> None:
    metrics = Metrics()
    metrics.lag({TP("in", 1): 3})
    assert value(metrics, "journey_lag_records", topic="in", partition="1") == 3
    metrics.reassigned()
    assert value(metrics, "journey_lag_records", topic="in", partition="1") is None


def test_what_may_never_happen_is_shown_as_0_from_the_start() -> None:
    metrics = Metrics()
    metrics.begins(4, ["in"], lambda: 3)
    assert value(metrics, "journey_partitions_declared") == 4
    assert value(metrics, "journey_partitions") == 3
    assert value(metrics, "journey_lost_records_total", topic="in") == 0
    assert value(metrics, "journey_dead_letters_total", code="INVALID", stage="decode") == 0
