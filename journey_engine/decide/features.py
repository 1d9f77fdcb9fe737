"""Features: what a customer's events of one type come to (rules K2, K3).

Theory of operation. With a window `(t - within, t]` the entries themselves are kept, sorted by
time, as long as no more than 64 lie in it; they stay a day longer than their window, so that a
late event still finds its own window whole. Beyond 64, `count sum min max` fold into buckets of
a 32nd of the window, until no bucket is left; `first` keeps the earliest entry of each such
part, `last` and `recent` the newest 64, `distinct` the latest entry of each of 64 values.
Without a window, `count sum min max` are one bucket for ever, `first` and `last` one entry.
A null field is no value, except among several fields.
"""

from bisect import insort_right
from collections.abc import Callable, Iterable
from itertools import pairwise

from journey_engine.decide.state import FEATURE_BUCKETS, FEATURE_EXACT_MAX, FeatureState
from journey_engine.define.plan import FeatureOp, FeaturePlan, Value, Warming

Entry = tuple[int, Value]
Bucket = tuple[int, int, float | int, Value, Value]

LATE_MS = 24 * 3_600_000
"""How long entries stay beyond their window."""
INT64_MAX = 2**63 - 1
_FOLDED = frozenset({FeatureOp.COUNT, FeatureOp.SUM, FeatureOp.MIN, FeatureOp.MAX})


def value(plan: FeaturePlan, state: FeatureState | None, at: int) -> Value:
    """The feature at time `at`.

    Raises:
        Warming: before its `warm_up` has passed (rule K3).
    """
    since = None if state is None else state.since
    if plan.warm_up is not None and (since is None or at - since < plan.warm_up):
        raise Warming
    if state is None:
        return _EMPTY[plan.op]()
    if plan.op in _FOLDED and (plan.within is None or state.buckets):
        return _folded(plan.op, _buckets_at(plan, state, at))
    return _listed(plan, _entries_at(plan, state, at))


def complete(plan: FeaturePlan, state: FeatureState | None, at: int) -> bool:
    """Whether the window is full at `at`; without a window one never knows (rule K3)."""
    return plan.within is not None and state is not None and at - state.since >= plan.within


def add(plan: FeaturePlan, state: FeatureState, at: int, item: Value) -> FeatureState:
    """The feature's memory with one more value."""
    if plan.within is None:
        return _add_for_ever(plan, state, at, item)
    if state.buckets:
        buckets = _bucketed(plan.within, state.buckets, [(at, item)])
        return FeatureState(state.since, [], _in_window(plan.within, buckets))
    entries = _inserted(plan, state.entries, (at, item))
    oldest = entries[-1][0] - plan.within
    if len(entries) > FEATURE_EXACT_MAX:
        entries = [entry for entry in entries if entry[0] > oldest]
        if len(entries) > FEATURE_EXACT_MAX:
            return _thinned(plan, state.since, entries)
    elif entries[0][0] <= oldest - LATE_MS:
        entries = [entry for entry in entries if entry[0] > oldest - LATE_MS]
    return FeatureState(state.since, entries, [])


def _add_for_ever(plan: FeaturePlan, state: FeatureState, at: int, item: Value) -> FeatureState:
    if plan.op in _FOLDED:
        return FeatureState(
            state.since, [], [_plus(state.buckets[0] if state.buckets else None, 0, item)]
        )
    entries = _inserted(plan, state.entries, (at, item))
    if plan.op is FeatureOp.FIRST:
        entries = entries[:1]
    elif plan.op is FeatureOp.LAST:
        entries = entries[-1:]
    else:
        entries = entries[-min(plan.keep or FEATURE_EXACT_MAX, FEATURE_EXACT_MAX) :]
    return FeatureState(state.since, entries, [])


def _inserted(plan: FeaturePlan, entries: list[Entry], entry: Entry) -> list[Entry]:
    """`entries` with one more, in order of time, then of arrival."""
    if plan.within is None and plan.op is FeatureOp.DISTINCT:
        return _latest_of_each([*entries, entry])
    if not entries or entries[-1][0] <= entry[0]:
        return [*entries, entry]
    kept = list(entries)
    insort_right(kept, entry, key=_time)
    return kept


def _thinned(plan: FeaturePlan, since: int, entries: list[Entry]) -> FeatureState:
    """More than 64 in a window: what is kept of them instead."""
    within = plan.within or 1
    if plan.op in _FOLDED:
        return FeatureState(since, [], _in_window(within, _bucketed(within, [], entries)))
    if plan.op is FeatureOp.FIRST:
        width = _width(within)
        later = [b for a, b in pairwise(entries) if a[0] // width != b[0] // width]
        return FeatureState(since, [entries[0], *later], [])
    if plan.op is FeatureOp.DISTINCT:
        entries = _latest_of_each(entries)
    return FeatureState(since, entries[-FEATURE_EXACT_MAX:], [])


def _latest_of_each(entries: list[Entry]) -> list[Entry]:
    """The latest entry of each value, in order of time."""
    latest: list[Entry] = []
    for entry in sorted(entries, key=_time, reverse=True):
        if all(known[1] != entry[1] for known in latest):
            latest.append(entry)
    return latest[::-1]


def _width(within: int) -> int:
    return max(1, -(-within // FEATURE_BUCKETS))


def _bucketed(within: int, buckets: list[Bucket], entries: Iterable[Entry]) -> list[Bucket]:
    width = _width(within)
    by_index = {bucket[0]: bucket for bucket in buckets}
    for at, item in entries:
        index = at // width
        by_index[index] = _plus(by_index.get(index), index, item)
    return [by_index[index] for index in sorted(by_index)]


def _in_window(within: int, buckets: list[Bucket]) -> list[Bucket]:
    """The newest buckets, as many as a window has."""
    oldest = buckets[-1][0] - FEATURE_BUCKETS
    return [bucket for bucket in buckets if bucket[0] > oldest] if within else buckets


def _plus(bucket: Bucket | None, index: int, item: Value) -> Bucket:
    number = item if isinstance(item, (int, float)) else 0
    if bucket is None:
        return (index, 1, number, item, item)
    _, count, total, low, high = bucket
    return (
        index,
        count + 1,
        _bounded(total + number),
        item if _less(item, low) else low,
        item if _less(high, item) else high,
    )


def _bounded(number: float | int) -> float | int:  # noqa: PYI041 - an int stays one
    """A sum beyond int64 stays at its edge: the state could not hold it."""
    if isinstance(number, float):
        return number
    return max(-INT64_MAX, min(INT64_MAX, number))


def _less(one: Value, other: Value) -> bool:
    """Order; between values of different kinds (a field changed its type) there is none."""
    try:
        return bool(one < other)  # type: ignore[operator]
    except TypeError:
        return False


def _buckets_at(plan: FeaturePlan, state: FeatureState, at: int) -> list[Bucket]:
    if plan.within is None:
        return state.buckets
    last = at // _width(plan.within)
    return [bucket for bucket in state.buckets if last - FEATURE_BUCKETS < bucket[0] <= last]


def _entries_at(plan: FeaturePlan, state: FeatureState, at: int) -> list[Entry]:
    if plan.within is None:
        return state.entries
    oldest = at - plan.within
    entries = state.entries
    if entries and oldest < entries[0][0] and entries[-1][0] <= at:
        return entries
    return [entry for entry in entries if oldest < entry[0] <= at]


def _folded(op: FeatureOp, buckets: list[Bucket]) -> Value:
    if not buckets:
        return _EMPTY[op]()
    if op is FeatureOp.COUNT:
        return sum(bucket[1] for bucket in buckets)
    if op is FeatureOp.SUM:
        return _bounded(sum(bucket[2] for bucket in buckets))
    best = buckets[0][3 if op is FeatureOp.MIN else 4]
    for bucket in buckets[1:]:
        if op is FeatureOp.MIN:
            best = bucket[3] if _less(bucket[3], best) else best
        else:
            best = bucket[4] if _less(best, bucket[4]) else best
    return best


def _listed(plan: FeaturePlan, entries: list[Entry]) -> Value:
    op = plan.op
    if not entries:
        return _EMPTY[op]()
    if op is FeatureOp.COUNT or op is FeatureOp.DISTINCT:
        return len(_latest_of_each(entries) if op is FeatureOp.DISTINCT else entries)
    if op is FeatureOp.FIRST:
        return _item(plan, entries[0])
    if op is FeatureOp.LAST:
        return _item(plan, entries[-1])
    if op is FeatureOp.RECENT:
        keep = plan.keep or FEATURE_EXACT_MAX
        return [_item(plan, entry) for entry in entries[-keep:]]
    return _folded(op, _bucketed(plan.within or 1, [], entries))


def _item(plan: FeaturePlan, entry: Entry) -> Value:
    """An entry's value, or its fields and `at` as a message."""
    at, item = entry
    if not plan.members:
        return item
    values = item if isinstance(item, list) else []
    return {**dict(zip(plan.fields, values, strict=False)), "at": at}


def _time(entry: Entry) -> int:
    return entry[0]


def _zero() -> Value:
    return 0


def _null() -> Value:
    return None


def _nothing() -> Value:
    return []


_EMPTY: dict[FeatureOp, Callable[[], Value]] = {
    FeatureOp.COUNT: _zero,
    FeatureOp.SUM: _zero,
    FeatureOp.MIN: _null,
    FeatureOp.MAX: _null,
    FeatureOp.FIRST: _null,
    FeatureOp.LAST: _null,
    FeatureOp.RECENT: _nothing,
    FeatureOp.DISTINCT: _zero,
}
