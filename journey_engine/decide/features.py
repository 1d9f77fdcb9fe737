"""Features: what a customer's events of one type come to (rules K2, K3).

Theory of operation. With a window `(t - within, t]` the entries themselves are kept, sorted by
time, as long as no more than 64 lie in it; they stay a day longer than their window, so that a
late event still finds its own window whole. Of those older than a day `min max last recent
distinct` keep only what may still count. Beyond 64, `count sum min max` fold into buckets of
a 32nd of the window, until all of them have left it; `first` keeps the earliest entry of each such
part, `last` and `recent` the newest 64, `distinct` the latest entry of each of 64 values.
Without a window, `count sum min max` are one bucket for ever, `first` and `last` one entry.
A null field is no value, except among several fields.
"""

from bisect import bisect_right, insort_right
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec.structs import astuple

from journey_engine.decide import counting
from journey_engine.decide.feature_state import FEATURE_BUCKETS, FEATURE_EXACT_MAX, FeatureState
from journey_engine.decide.packed import NOTHING
from journey_engine.define.expression import Value, Warming
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan

if TYPE_CHECKING:
    from msgspec import Raw

Entry = tuple[int, Value]
Bucket = tuple[int, int, float | int, Value, Value]

LATE_MS: Final = 24 * 3_600_000
"""How long entries stay beyond their window."""
INT64_MAX: Final = 2**63 - 1
_fields: Final = astuple
_feature: Final = FeatureState
_FEW: Final = 8
"""Entries up to which nothing is gained by looking for those that count no more."""
_EXTREMES: Final = frozenset({FeatureOp.MIN, FeatureOp.MAX})
_OUTDONE: Final = _EXTREMES | {FeatureOp.LAST, FeatureOp.RECENT, FeatureOp.DISTINCT}
_FOLDED: Final = frozenset({FeatureOp.COUNT, FeatureOp.SUM, FeatureOp.MIN, FeatureOp.MAX})
_UNCUT: Final = _FOLDED | {FeatureOp.FIRST}


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
    if plan.op is FeatureOp.COUNT and plan.within is not None:
        counted = counting.entries(state.packed_entries)
        if counted is not None:
            return counting.count(counted, at - plan.within, at)
    return _listed(plan, _entries_at(plan, state, at))


def complete(plan: FeaturePlan, state: FeatureState | None, at: int) -> bool:
    """Whether the window is full at `at`; without a window one never knows (rule K3)."""
    return plan.within is not None and state is not None and at - state.since >= plan.within


def add(plan: FeaturePlan, state: FeatureState, at: int, item: Value) -> FeatureState:
    """The feature's memory with one more value."""
    if plan.within is None:
        return _add_for_ever(plan, state, at, item)
    since, packed, buckets = _fields(state)
    if buckets and buckets[-1][0] > at // _width(plan.within) - FEATURE_BUCKETS:
        buckets = _bucketed(plan, buckets, [(at, item)])
        return FeatureState(since, NOTHING, _in_window(plan.within, buckets))
    if plan.op is FeatureOp.COUNT and at >= counting.FIRST_MS:
        counted = counting.entries(packed)
        if counted is not None and len(counted) < FEATURE_EXACT_MAX * counting.WIDTH:
            return _feature(since, _counted(counted, at, plan.within + LATE_MS))
    return _kept(plan, plan.within, since, _inserted(plan, state.entries, (at, item)))


def bounded(plan: FeaturePlan, state: FeatureState) -> FeatureState:
    """What was joined, with no more entries than `add` leaves."""
    entries, within = state.entries, plan.within
    if within is None or len(entries) <= FEATURE_EXACT_MAX:
        return state
    return _kept(plan, within, state.since, entries)


def _kept(plan: FeaturePlan, within: int, since: int, entries: list[Entry]) -> FeatureState:
    """What of the entries still counts; where too many do in the window, what stands for them."""
    if len(entries) > _FEW and plan.op in _OUTDONE:
        entries = _telling(plan, entries)
    oldest = entries[-1][0] - within
    if len(entries) > FEATURE_EXACT_MAX:
        entries = _since(entries, oldest)
        if len(entries) > FEATURE_EXACT_MAX:
            return _thinned(plan, since, entries)
    elif entries[0][0] <= oldest - LATE_MS:
        entries = _since(entries, oldest - LATE_MS)
    return FeatureState.of(since, entries)


def _counted(counted: bytes, at: int, within: int) -> "Raw":
    after = counting.added(counted, at)
    return counting.packed(counting.since(after, counting.latest(after) - within))


def joined(plan: FeaturePlan, states: list[FeatureState]) -> FeatureState:
    """The memory of several that were kept apart: all that each holds (rule M2). The same in any
    order; sums in buckets, where they are fractions, but for their last digits. Which entries of
    `count sum min max first` can go is only known when all are there (`bounded`).
    """
    since = min(state.since for state in states)
    entries = sorted([entry for state in states for entry in state.entries], key=_place)
    within = plan.within
    if plan.op in _FOLDED and (within is None or any(state.buckets for state in states)):
        buckets = _summed([bucket for state in states for bucket in state.buckets])
        if within is None:
            return FeatureState(since, NOTHING, buckets)
        return FeatureState(since, NOTHING, _in_window(within, _bucketed(plan, buckets, entries)))
    if within is None:
        if plan.op is FeatureOp.DISTINCT:
            entries = _latest_of_each(entries)
        return FeatureState.of(since, _kept_for_ever(plan, entries))
    if entries and plan.op in _UNCUT:
        return FeatureState.of(since, _since(entries, entries[-1][0] - within - LATE_MS))
    if len(entries) > FEATURE_EXACT_MAX and plan.op is FeatureOp.DISTINCT:
        entries = _most_telling(entries)
    return FeatureState.of(since, entries[-FEATURE_EXACT_MAX:])


def _place(entry: Entry) -> tuple[int, str]:
    return (entry[0], repr(entry[1]))


def _most_telling(entries: list[Entry]) -> list[Entry]:
    """Of more than 64 the 64 that tell most of `distinct`: of each value its latest, then the
    second of each, the newest before older ones.

    What goes by this order goes in whichever order several are joined (law 8).
    """
    counts: dict[str, int] = {}
    ranked = []
    for place in range(len(entries) - 1, -1, -1):
        at, item = entries[place]
        name = repr(item)
        counts[name] = counts.get(name, -1) + 1
        ranked.append((counts[name], -at, name, place))
    ranked.sort()
    return [entries[place] for place in sorted([one[3] for one in ranked[:FEATURE_EXACT_MAX]])]


def _summed(buckets: list[Bucket]) -> list[Bucket]:
    """Buckets with one index made one."""
    kept: dict[int, Bucket] = {}
    for bucket in sorted(buckets, key=repr):
        index, count, total, low, high = bucket
        known = kept.get(index)
        if known is not None:
            count += known[1]
            total = _bounded(total + known[2])
            low = low if _less(low, known[3]) else known[3]
            high = high if _less(known[4], high) else known[4]
        kept[index] = (index, count, total, low, high)
    return [kept[index] for index in sorted(kept)]


def _add_for_ever(plan: FeaturePlan, state: FeatureState, at: int, item: Value) -> FeatureState:
    if plan.op in _FOLDED:
        bucket = _plus(plan.op, state.buckets[0] if state.buckets else None, 0, item)
        return FeatureState(state.since, NOTHING, [bucket])
    entries = _inserted(plan, state.entries, (at, item))
    return FeatureState.of(state.since, _kept_for_ever(plan, entries))


def _kept_for_ever(plan: FeaturePlan, entries: list[Entry]) -> list[Entry]:
    if plan.op is FeatureOp.FIRST:
        return entries[:1]
    if plan.op is FeatureOp.LAST:
        return entries[-1:]
    return entries[-min(plan.keep or FEATURE_EXACT_MAX, FEATURE_EXACT_MAX) :]


def _inserted(plan: FeaturePlan, entries: list[Entry], entry: Entry) -> list[Entry]:
    """`entries` with one more, in order of time, then of arrival."""
    if plan.within is None and plan.op is FeatureOp.DISTINCT:
        return _latest_of_each([*entries, entry])
    if not entries or entries[-1][0] <= entry[0]:
        return [*entries, entry]
    kept = list(entries)
    insort_right(kept, entry, key=_time)
    return kept


def _since(entries: list[Entry], oldest: int) -> list[Entry]:
    """Those later than `oldest`, of entries in order of time; few are not."""
    start = 0
    while start < len(entries) and entries[start][0] <= oldest:
        start += 1
    return entries[start:]


def _telling(plan: FeaturePlan, entries: list[Entry]) -> list[Entry]:
    """Those that can still be the answer: of what is older than a day, none that is outdone by
    what came after it and is as old.
    """
    old = bisect_right(entries, entries[-1][0] - LATE_MS, key=_time)
    if plan.op is FeatureOp.DISTINCT:
        return _last_of_each(entries[:old]) + entries[old:]
    if plan.op not in _EXTREMES:
        return entries[max(0, old - (plan.keep or 1)) :]
    kept: list[Entry] = []
    for entry in reversed(entries[:old]):
        if not kept or _outdoes(plan.op, entry[1], kept[-1][1]):
            kept.append(entry)
    return kept[::-1] + entries[old:]


def _last_of_each(entries: list[Entry]) -> list[Entry]:
    """As `_latest_of_each`, in one go, of entries in order of time."""
    last: dict[Value, int] = {}
    for place, entry in enumerate(entries):
        if isinstance(entry[1], list | dict):
            return entries
        last[entry[1]] = place
    return [entries[place] for place in sorted(last.values())]


def _outdoes(op: FeatureOp, one: Value, other: Value) -> bool:
    return _less(one, other) if op is FeatureOp.MIN else _less(other, one)


def _thinned(plan: FeaturePlan, since: int, entries: list[Entry]) -> FeatureState:
    """More than 64 in a window: what is kept of them instead."""
    within = plan.within or 1
    if plan.op in _FOLDED:
        return FeatureState(since, NOTHING, _in_window(within, _bucketed(plan, [], entries)))
    if plan.op is FeatureOp.FIRST:
        width = _width(within)
        later = [b for a, b in pairwise(entries) if a[0] // width != b[0] // width]
        return FeatureState.of(since, [entries[0], *later])
    if plan.op is FeatureOp.DISTINCT:
        entries = _latest_of_each(entries)
    return FeatureState.of(since, entries[-FEATURE_EXACT_MAX:])


def _latest_of_each(entries: list[Entry]) -> list[Entry]:
    """The latest entry of each value, in order of time."""
    latest: list[Entry] = []
    for entry in sorted(entries, key=_time, reverse=True):
        if all(known[1] != entry[1] for known in latest):
            latest.append(entry)
    return latest[::-1]


def _width(within: int) -> int:
    return max(1, -(-within // FEATURE_BUCKETS))


def _bucketed(plan: FeaturePlan, buckets: list[Bucket], entries: Iterable[Entry]) -> list[Bucket]:
    width = _width(plan.within or 1)
    by_index = {bucket[0]: bucket for bucket in buckets}
    for at, item in entries:
        index = at // width
        by_index[index] = _plus(plan.op, by_index.get(index), index, item)
    return [by_index[index] for index in sorted(by_index)]


def _in_window(within: int, buckets: list[Bucket]) -> list[Bucket]:
    """The newest buckets, as many as a window has."""
    oldest = buckets[-1][0] - FEATURE_BUCKETS
    return [bucket for bucket in buckets if bucket[0] > oldest] if within else buckets


def _plus(op: FeatureOp, bucket: Bucket | None, index: int, item: Value) -> Bucket:
    """A bucket with one more value; it holds only what the operation asks of it."""
    if bucket is None:
        bucket = (index, 0, 0, None, None)
    _, count, total, low, high = bucket
    if op is FeatureOp.COUNT:
        count += 1
    elif op is FeatureOp.SUM:
        total = _bounded(total + item) if isinstance(item, (int, float)) else total
    elif op is FeatureOp.MIN:
        low = item if low is None or _less(item, low) else low
    else:
        high = item if high is None or _less(high, item) else high
    return (index, count, total, low, high)


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
    oldest, entries = at - plan.within, state.entries
    if entries and oldest < entries[0][0] and entries[-1][0] <= at:
        return entries
    # From their end: before the window lie those of another day.
    end = len(entries)
    while end and entries[end - 1][0] > at:
        end -= 1
    start = end
    while start and entries[start - 1][0] > oldest:
        start -= 1
    return entries[start:end]


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
    return _folded(op, _bucketed(plan, [], entries))


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


_EMPTY: Final[dict[FeatureOp, Callable[[], Value]]] = {
    FeatureOp.COUNT: _zero,
    FeatureOp.SUM: _zero,
    FeatureOp.MIN: _null,
    FeatureOp.MAX: _null,
    FeatureOp.FIRST: _null,
    FeatureOp.LAST: _null,
    FeatureOp.RECENT: _nothing,
    FeatureOp.DISTINCT: _zero,
}
