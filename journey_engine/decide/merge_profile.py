"""What two identities of one person know, made one (rule M2): profile, features, memory of
journeys, history of contact.

As in `merge`, nothing depends on the order in which visitors are handed over.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from journey_engine.decide import assignment, features, history, memory, started
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.seen import ENTRY
from journey_engine.decide.state import (
    ENGAGEMENT_BUCKETS,
    ENTRIES_MAX,
    KEYS_MAX,
    MACRO_HISTORY_MAX,
    PATTERN_EVENTS_MAX,
    PATTERN_KEYS_MAX,
    PATTERN_WAITS_MAX,
    SEEN_MAX,
    Awaited,
    CustomerState,
    JourneyMemory,
    KeyMemory,
    MacroStage,
    PatternState,
    Written,
)
from journey_engine.define.plan import Plan

if TYPE_CHECKING:
    from journey_engine.define.profile_plan import FeaturePlan


def joined(plan: Plan, ours: CustomerState, theirs: CustomerState) -> CustomerState:
    """The customer's state with what is known of the visitor, but for who is in which journey."""
    counted = _features(plan, ours, theirs)
    stages_known = {*ours.macro_history, *theirs.macro_history}
    stages = [one for one in (ours.macro, theirs.macro) if one is not None]
    return replace(
        ours,
        seen=_seen(ours.seen, theirs.seen),
        traits=_latest(ours.traits, theirs.traits),
        consent=_latest(ours.consent, theirs.consent),
        reach=_latest(ours.reach, theirs.reach),
        features=counted,
        started=started.joined(plan, ours.started, theirs.started, counted),
        macro=max(stages, key=_age) if stages else None,
        macro_history=sorted(stages_known, key=_age)[-MACRO_HISTORY_MAX:],
        journeys={
            name: replace(
                _memory(ours.journeys.get(name), theirs.journeys.get(name)),
                latest=max(_latest_read(plan, ours, name), _latest_read(plan, theirs, name)),
            )
            for name in sorted({*ours.journeys, *theirs.journeys})
        },
        engagement={
            channel: _engagement(
                [*ours.engagement.get(channel, ()), *theirs.engagement.get(channel, ())]
            )
            for channel in sorted({*ours.engagement, *theirs.engagement})
        },
        assigned=assignment.merge(ours.assigned, theirs.assigned),
        contact=history.joined(ours.contact, theirs.contact),
        latest={
            name: max(each[name] for each in (ours.latest, theirs.latest) if name in each)
            for name in sorted({*ours.latest, *theirs.latest})
        },
    )


def _seen(ours: bytes, theirs: bytes) -> bytes:
    both = ours + theirs
    entries = {both[place : place + ENTRY] for place in range(0, len(both), ENTRY)}
    return b"".join(sorted(entries, key=_read_at)[-SEEN_MAX:])


def _read_at(entry: bytes) -> bytes:
    return entry[12:] + entry[:12]


def _latest(ours: dict[str, Written], theirs: dict[str, Written]) -> dict[str, Written]:
    both: dict[str, Written] = {}
    for name in sorted({*ours, *theirs}):
        written = [one for one in (ours.get(name), theirs.get(name)) if one is not None]
        both[name] = max(written, key=_written)
    return both


def _written(one: Written) -> tuple[int, str, str]:
    return (one.at, one.event_id, repr(one.value))


def _features(plan: Plan, ours: CustomerState, theirs: CustomerState) -> dict[str, FeatureState]:
    """A feature that is no longer in the plan stays as it was, the longest known."""
    plans = _feature_plans(plan)
    both: dict[str, FeatureState] = {}
    for name in sorted({*ours.features, *theirs.features}):
        known = [started.of(name, each.started, each.features) for each in (ours, theirs)]
        states = [one for one in known if one is not None]
        feature = plans.get(name)
        if feature is not None:
            both[name] = features.joined(feature, states)
        else:
            both[name] = min(states, key=repr)
    return both


def bounded(plan: Plan, kept: dict[str, FeatureState]) -> dict[str, FeatureState]:
    """Features within their bounds, once all of those are there whose they are."""
    plans = _feature_plans(plan)
    return {
        name: features.bounded(plans[name], state) if name in plans else state
        for name, state in kept.items()
    }


def _feature_plans(plan: Plan) -> dict[str, "FeaturePlan"]:
    return {one.id: one for readers in plan.profile.values() for one in readers.features}


def _age(one: MacroStage) -> tuple[int, int, str]:
    return (one.at, one.priority, one.stage)


def _latest_read(plan: Plan, state: CustomerState, journey: str) -> int:
    return memory.latest_read(plan, state.journeys, state.latest, journey)


def _memory(ours: JourneyMemory | None, theirs: JourneyMemory | None) -> JourneyMemory:
    """Entries are numbered on as the customer's own were."""
    if ours is None or theirs is None:
        return ours if ours is not None else replace(theirs or memory.NO_MEMORY, entry_no=0)
    keys: dict[str, KeyMemory] = {}
    for name in {*ours.keys, *theirs.keys}:
        one = ours.keys.get(name, memory.NO_KEY_MEMORY)
        other = theirs.keys.get(name, memory.NO_KEY_MEMORY)
        ends = [at for at in (one.ended_at, other.ended_at) if at is not None]
        entries = sorted([*one.entries, *other.entries])[-ENTRIES_MAX:]
        keys[name] = KeyMemory(entries, max(ends) if ends else None)
    return replace(
        ours,
        keys=_last_touched(keys),
        once=memory.both_once(ours, theirs),
        patterns={
            name: _patterns(ours.patterns.get(name, {}), theirs.patterns.get(name, {}))
            for name in sorted({*ours.patterns, *theirs.patterns})
        },
    )


def _last_touched(keys: dict[str, KeyMemory]) -> dict[str, KeyMemory]:
    """As many keys as may be, those written last. Where no more are kept, what is older than all
    that is written last of the others is forgotten of each: another hand-over would have cut it.
    """
    ordered = sorted(keys.items(), key=_touched)[-KEYS_MAX:]
    if len(ordered) < KEYS_MAX:
        return dict(ordered)
    oldest, last = _touched(ordered[0])
    kept = {}
    for name, one in ordered:
        floor = oldest if name >= last else oldest + 1
        entries = [entry for entry in one.entries if entry >= floor]
        ended = None if one.ended_at is None or one.ended_at < floor else one.ended_at
        kept[name] = KeyMemory(entries, ended)
    return kept


def _patterns(
    ours: dict[str, PatternState], theirs: dict[str, PatternState]
) -> dict[str, PatternState]:
    """What a pattern saw of both; it looks for a match when the next event comes."""
    both: dict[str, PatternState] = {}
    for key in sorted({*ours, *theirs}):
        states = [one for one in (ours.get(key), theirs.get(key)) if one is not None]
        taken = sorted([event for state in states for event in state.taken])
        awaited = sorted([one for state in states for one in state.awaited], key=_due)
        both[key] = PatternState(taken[-PATTERN_EVENTS_MAX:], awaited[-PATTERN_WAITS_MAX:])
    ordered = sorted(both.items(), key=_last_seen)[-PATTERN_KEYS_MAX:]
    if len(ordered) < PATTERN_KEYS_MAX:
        return dict(ordered)
    oldest, last = _last_seen(ordered[0])
    return {key: _since(one, oldest if key >= last else oldest + 1) for key, one in ordered}


def _since(state: PatternState, floor: int) -> PatternState:
    """What it saw from then on: as in `_last_touched`."""
    return PatternState(
        [event for event in state.taken if event[0] >= floor],
        [one for one in state.awaited if one.due >= floor],
    )


def _due(one: Awaited) -> tuple[int, str, int]:
    return (one.due, one.cause.event_id, one.cause.offset)


def _last_seen(item: tuple[str, PatternState]) -> tuple[int, str]:
    """A pattern either waits or takes events; its waits are all of one length."""
    key, state = item
    last = state.taken[-1][0] if state.taken else 0
    return (max(last, state.awaited[-1].due) if state.awaited else last, key)


def _touched(item: tuple[str, KeyMemory]) -> tuple[int, str]:
    name, one = item
    last = one.entries[-1] if one.entries else 0
    return (max(last, one.ended_at or 0), name)


def _engagement(
    buckets: list[tuple[int, int, int, int, int]],
) -> list[tuple[int, int, int, int, int]]:
    counts: dict[int, tuple[int, int, int, int, int]] = {}
    for index, delivered, opened, clicked, bounced in buckets:
        _, a, b, c, d = counts.get(index, (index, 0, 0, 0, 0))
        counts[index] = (index, a + delivered, b + opened, c + clicked, d + bounced)
    newest = max(counts)
    return [counts[one] for one in sorted(counts) if one > newest - ENGAGEMENT_BUCKETS]
