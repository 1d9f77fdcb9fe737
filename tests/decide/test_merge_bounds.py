"""Law 8 above the bounds: what is cut of what was merged does not depend on who was handed over
first. The states are drawn with more in each part than is kept of all together.
"""

from collections.abc import Callable
from itertools import permutations
from random import Random

import pytest
from msgspec.structs import replace

from journey_engine.decide.decide import decide
from journey_engine.decide.event import Origin
from journey_engine.decide.feature_state import FEATURE_EXACT_MAX, FeatureState
from journey_engine.decide.identity_state import Ended, Identity
from journey_engine.decide.message import IdentityHanded
from journey_engine.decide.packed import pack
from journey_engine.decide.state import (
    CONTACTS_MAX,
    DEADLINE,
    ENTRIES_MAX,
    KEYS_MAX,
    MACRO_HISTORY_MAX,
    OPEN_MAX,
    PATTERN_EVENTS_MAX,
    PATTERN_KEYS_MAX,
    PATTERN_WAITS_MAX,
    PENDING_MAX,
    SEEN_MAX,
    SENT_MAX,
    Awaited,
    Contact,
    CustomerState,
    Exposure,
    Instance,
    JourneyMemory,
    KeyMemory,
    MacroStage,
    OpenSend,
    PatternState,
    Pending,
    Sent,
    Timer,
)
from journey_engine.define.profile_plan import FeatureOp
from journey_engine.encode.state import encode_state
from tests.decide.people import People
from tests.decide.plans import DAY, HOUR, MINUTE, T0
from tests.decide.test_merge import FEATURES, PLAN, VISITORS

CAUSE = Origin("e", "interactions.web.v1", 0, 0)
NOW = T0 + 2 * DAY


def _at(draw: Random) -> int:
    """Some time of the last two days: few enough of them that many are the same."""
    return NOW - draw.randrange(200) * 14 * MINUTE


def _seen(draw: Random) -> CustomerState:
    entries = [(_at(draw) // 1000, draw.randbytes(12)) for _ in range(draw.randrange(SEEN_MAX))]
    return CustomerState(seen=b"".join(b + s.to_bytes(4, "big") for s, b in sorted(entries)))


def _features(draw: Random) -> CustomerState:
    features = {}
    for plan in FEATURES.values():
        if plan.within is not None and plan.op not in (FeatureOp.COUNT, FeatureOp.MAX):
            times = sorted(_at(draw) for _ in range(draw.randrange(ENTRIES_MAX)))
            features[plan.id] = FeatureState.of(T0, [(at, draw.randrange(40)) for at in times])
    times = sorted(_at(draw) for _ in range(draw.randrange(ENTRIES_MAX)))
    features[FEATURES["recent"].id] = FeatureState.of(T0, [(at, draw.randrange(9)) for at in times])
    times = sorted(NOW - draw.randrange(HOUR) for _ in range(draw.randrange(ENTRIES_MAX)))
    features[FEATURES["views"].id] = FeatureState.of(T0, [(at, None) for at in times])
    return CustomerState(features=features)


def _history(draw: Random) -> CustomerState:
    count = draw.randrange(MACRO_HISTORY_MAX)
    stages = [MacroStage(draw.choice("abc"), _at(draw), draw.randrange(3)) for _ in range(count)]
    return CustomerState(macro_history=stages)


def _keys(draw: Random) -> CustomerState:
    keys = {}
    for name in draw.sample(range(2 * KEYS_MAX), draw.randrange(KEYS_MAX)):
        entries = sorted(_at(draw) for _ in range(draw.randrange(4)))
        keys[str(name)] = KeyMemory(entries, draw.choice([None, _at(draw)]))
    return CustomerState(journeys={"cart": JourneyMemory(keys=keys)})


def _patterns(draw: Random) -> CustomerState:
    taking, waiting = {}, {}
    for name in draw.sample(range(2 * PATTERN_KEYS_MAX), draw.randrange(PATTERN_KEYS_MAX)):
        count = draw.randrange(1, PATTERN_EVENTS_MAX)
        taking[str(name)] = PatternState(sorted((_at(draw), 1) for _ in range(count)))
        dues = sorted(_at(draw) + 3 * DAY for _ in range(draw.randrange(1, PATTERN_WAITS_MAX)))
        waiting[str(name)] = PatternState(awaited=[Awaited(due, CAUSE) for due in dues])
    patterns = {"taking": taking, "waiting": waiting}
    return CustomerState(journeys={"cart": JourneyMemory(patterns=patterns)})


def _contact(draw: Random) -> CustomerState:
    kinds: list[tuple[str, str, str | None]] = [("email", "p", None), ("push", "p", "t")]
    marks = draw.sample(range(2 * CONTACTS_MAX), draw.randrange(CONTACTS_MAX))
    messages = sorted((_at(draw), mark.to_bytes(6, "big"), draw.randrange(2)) for mark in marks)
    sent = [at.to_bytes(6, "big") + mark + kind.to_bytes(2, "big") for at, mark, kind in messages]
    return CustomerState(contact=Contact(kinds, b"".join(sent)))


def _assigned(draw: Random) -> CustomerState:
    known = [
        Exposure(f"x{number}", draw.choice(["one", "two"]), 0.5, _at(draw))
        for number in draw.sample(range(80), draw.randrange(64))
    ]
    return CustomerState(assigned=sorted(known, key=lambda one: one.at))


def _cart(draw: Random, key: str, entry_no: int) -> Instance:
    at = _at(draw)
    return Instance("cart", 1, key, entry_no, at, "nudged", at, at, CAUSE)


def _sent(draw: Random) -> Sent:
    """A command of one of some more places than are remembered; it is held or out."""
    at = _at(draw)
    not_before = draw.choice([at, NOW + HOUR])
    name = f"{draw.getrandbits(128):032x}"
    place = ("nudged", draw.randrange(1, 40), draw.choice(["soon", "late"]))
    command = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
    stage, visit, send = place
    return Sent(
        command, "email", "service", at, not_before, "end", stage, visit, send_id=send, run=1
    )


def _commands(draw: Random) -> CustomerState:
    sent = sorted((_sent(draw) for _ in range(SENT_MAX)), key=lambda one: one.at)
    timers = [Timer(NOW + draw.randrange(99) * MINUTE, DEADLINE) for _ in range(20)]
    return CustomerState(
        instances=[replace(_cart(draw, "k", 1), packed_sent=pack(sent), timers=timers)]
    )


def _waiting(draw: Random) -> CustomerState:
    """Candidates of instances that may lose, and of some that completed."""
    instances = [_cart(draw, key, number) for number, key in enumerate("kl")]
    pending = []
    for _ in range(PENDING_MAX):
        of = draw.choice([*instances, _cart(draw, "k", 8), _cart(draw, "gone", 9)])
        visit, asked = draw.randrange(1, 40), _at(draw)
        pending.append(
            Pending(
                NOW + HOUR, "cart", 1, of.key, of.entry_no, "nudged", visit, 1, "soon", asked, CAUSE
            )
        )
    return CustomerState(instances=instances, pending=pending)


def _open(draw: Random) -> CustomerState:
    held = [_sent(draw) for _ in range(OPEN_MAX)]
    return CustomerState(open=[OpenSend("cart", 1, "k", 1, CAUSE, one) for one in held])


def _ended(draw: Random) -> CustomerState:
    """More ends than one of them remembers, and instances that they beat."""
    keys = draw.sample(range(14), 12)
    ended = [Ended("cart", str(key), _at(draw) + DAY) for key in keys[:8]]
    live = [_cart(draw, str(key), number) for number, key in enumerate(keys[8:])]
    return CustomerState(instances=live, identity=Identity(ended=ended))


PARTS = [
    _seen, _features, _history, _keys, _patterns, _contact, _assigned, _commands, _waiting, _open,
    _ended,
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_law8_what_is_cut_does_not_depend_on_who_was_handed_over_first(
    part: Callable[[Random], CustomerState],
) -> None:
    people = People(PLAN)
    people.held = True
    for visitor in VISITORS:
        people.link(2 * DAY, visitor[2:])
    asked, people.waiting = people.waiting, []
    for message in asked:
        people.take(message.target, message, 2 * DAY)
    answers = [one for one in people.waiting if isinstance(one, IdentityHanded)]
    for seed in range(12):
        draw = Random(seed)
        ours = part(draw)
        known = people.states["c:anna"].identity or Identity()
        ended = [] if ours.identity is None else ours.identity.ended
        state = replace(ours, identity=replace(known, ended=ended))
        handed = [replace(one, state=part(draw)) for one in answers]
        merged = set()
        both = state
        for order in permutations(handed):
            both = state
            for message in order:
                both = decide(PLAN, both, message, NOW).state
            merged.add(encode_state(both))
        assert len(merged) == 1, seed
        assert len(both.pending) <= PENDING_MAX
        assert len(both.open) <= OPEN_MAX
        assert all(len(one.entries) <= FEATURE_EXACT_MAX for one in both.features.values())
