"""The bound on a state's size (law 6): what goes first, and when nobody enters any more.

Encoding a state to know its size costs as much as deciding. So it is only done where something
long was written, or where one of the collections has grown beyond what a usual customer has.
Over the bound go, in order, the oldest ids of inputs, the history of macro-stages, the oldest
entries and buckets of features, what patterns of entries have seen. What still does not fit
stays, but nobody enters any more; goals, exits and consent go on working.
"""

from typing import Final

from msgspec.msgpack import encode
from msgspec.structs import replace

from journey_engine.decide.draft import Draft
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.identity_state import Identity
from journey_engine.decide.packed import length
from journey_engine.decide.seen import ENTRY
from journey_engine.decide.state import (
    STATE_BYTES_MAX,
    Contact,
    CustomerState,
    Exposure,
    Instance,
    JourneyMemory,
    OpenSend,
    Pending,
    Written,
)

MESSAGE_BYTES_MAX: Final = STATE_BYTES_MAX - 64
"""Of the state without the fixed header of its encoding."""
RESERVE: Final = 8 * 1024
"""Left for what live instances may still need."""
_FEW: Final = 4
_SOME: Final = 24
_LONG: Final = 1024


def bounded(draft: Draft, state: CustomerState) -> CustomerState:
    """The state under its bound; what went is counted."""
    if not draft.heavy and not (
        _crowded(draft.instances, draft.pending, draft.open, draft.journeys, draft.contact)
        or _manifold(draft.features, draft.traits, draft.journeys, draft.assigned, draft.identity)
    ):
        return state
    over = len(encode(state)) - MESSAGE_BYTES_MAX
    for shrink in (_without_ids, _without_history, _without_features, _without_patterns):
        if over <= 0:
            return state
        state = shrink(draft, state, over)
        over = len(encode(state)) - MESSAGE_BYTES_MAX
    return state


def full(draft: Draft) -> bool:
    """Whether what cannot be shrunk leaves no room for a new instance."""
    state = draft.state
    if not (
        _crowded(state.instances, state.pending, state.open, state.journeys, state.contact)
        or _manifold(state.features, state.traits, state.journeys, state.assigned, state.identity)
    ):
        return False
    core = replace(state, seen=b"", macro_history=[], features={})
    return len(encode(core)) > STATE_BYTES_MAX - RESERVE


def _crowded(
    instances: list[Instance],
    pending: list[Pending],
    open_: list[OpenSend],
    journeys: dict[str, JourneyMemory],
    contact: Contact,
) -> bool:
    """Whether more goes on with the customer than with a usual one, within journeys, too."""
    if len(instances) > _FEW or len(pending) > _FEW or len(open_) > _FEW:
        return True
    within = 0
    for instance in instances:
        within += length(instance.packed_sent) + len(instance.timers)
    for memory in journeys.values():
        within += len(memory.keys)
    return within > _SOME or len(contact.sent) > _LONG


def _manifold(
    features: dict[str, FeatureState],
    traits: dict[str, Written],
    journeys: dict[str, JourneyMemory],
    assigned: list[Exposure],
    identity: Identity | None,
) -> bool:
    """Whether there is more of one kind than with a usual customer."""
    if len(features) > _SOME or len(traits) > _SOME or len(journeys) > _SOME:
        return True
    return len(assigned) > _SOME or (identity is not None and _known(identity))


def _known(identity: Identity) -> bool:
    """Whether more names, or more ends, are remembered than of a usual customer."""
    names = len(identity.aliases) + len(identity.asked)
    return names > _FEW or len(identity.ended) > _SOME


def _without_ids(draft: Draft, state: CustomerState, over: int) -> CustomerState:
    count = min(-(-over // ENTRY), len(state.seen) // ENTRY)
    if count:
        draft.drop("seen", count)
    return replace(state, seen=state.seen[count * ENTRY :])


def _without_history(draft: Draft, state: CustomerState, over: int) -> CustomerState:
    del over
    if state.macro_history:
        draft.drop("macro_history", len(state.macro_history))
    return replace(state, macro_history=[])


def _without_patterns(draft: Draft, state: CustomerState, over: int) -> CustomerState:
    """They are entries to come, and nobody enters any more."""
    del over
    kept = {name: replace(memory, patterns={}) for name, memory in state.journeys.items()}
    gone = sum(len(by_key) for one in state.journeys.values() for by_key in one.patterns.values())
    if gone:
        draft.drop("patterns", gone)
    return replace(state, journeys=kept)


def _without_features(draft: Draft, state: CustomerState, over: int) -> CustomerState:
    """Halve the largest feature until enough is gone."""
    kept = dict(state.features)
    sizes = {name: len(encode(one)) for name, one in kept.items()}
    while over > 0 and kept:
        name = max(sizes, key=lambda one: (sizes[one], one))
        one = kept[name]
        entries, buckets = (len(one.entries) + 1) // 2, (len(one.buckets) + 1) // 2
        gone = entries + buckets
        if not gone:
            break
        fewer = FeatureState.of(one.since, one.entries[entries:])
        kept[name] = replace(fewer, buckets=one.buckets[buckets:])
        draft.drop("features", gone)
        left = len(encode(kept[name]))
        over -= sizes[name] - left
        sizes[name] = left
    return replace(state, features=kept)
