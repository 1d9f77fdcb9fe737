"""A histogram that takes many observations at once: filled by the event loop alone, so no lock."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString

from journey_engine.observe.contract import Metric


def bound(value: float) -> str:
    """A bucket's bound as the label `le` has it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


class Distribution(Collector):
    """Counts observations by the contract's buckets."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._metric = metric
        self._counts = [0] * (len(metric.buckets) + 1)
        self._sum = 0.0
        registry.register(self)

    def add(self, value: float, count: int = 1) -> None:
        """Observe the value so many times."""
        self.add_all(((value, count),))

    def add_all(self, observed: Iterable[tuple[float, int]]) -> None:
        """Observe values, each so many times."""
        buckets, counts = self._metric.buckets, self._counts
        for value, count in observed:
            counts[bisect_left(buckets, value)] += count
            self._sum += value * count

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """The name, for the registry."""
        yield HistogramMetricFamily(self._metric.name, self._metric.meaning)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What was observed so far."""
        bounds = map(bound, (*self._metric.buckets, INF))
        buckets = list(zip(bounds, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(
            self._metric.name, self._metric.meaning, buckets=buckets, sum_value=self._sum
        )
