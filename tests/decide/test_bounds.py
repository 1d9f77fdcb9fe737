"""Law 6: a state stays under its bound, and what must always work works."""

import msgspec

from journey_engine.decide.decide import decide
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.identity_state import ENDED_MAX, Ended, Identity
from journey_engine.decide.size import RESERVE
from journey_engine.decide.state import (
    EMPTY,
    STATE_BYTES_MAX,
    CustomerState,
    JourneyMemory,
    MacroStage,
    PatternState,
    Written,
)
from journey_engine.define.plan import Plan, Reentry
from journey_engine.define.profile_plan import FeatureOp
from tests.decide.plans import (
    DAY,
    NEVER,
    T0,
    Customer,
    after,
    clause,
    ends,
    entries,
    event,
    feature,
    journey,
    plan,
    read,
    stage,
)
from tests.decide.sending import PROFILE, consent

LONG = "x" * 1000
GO = plan(journey("j", stage("in"), entry=[clause("Go", when=NEVER)]))


def size(state: CustomerState) -> int:
    return len(msgspec.msgpack.encode(state))


def recents(count: int) -> Plan:
    kept = {
        f"f{number}": feature(FeatureOp.RECENT, "View", "page", keep=60 + number)
        for number in range(count)
    }
    return plan(
        journey(
            "a",
            stage("in"),
            entry=[clause("Cart")],
            goals=[clause("Order", name="o")],
            features=kept,
        )
    )


def test_law6_the_oldest_entries_of_features_go() -> None:
    customer = Customer(recents(3))
    customer.give("Cart", 0)
    dropped: set[str] = set()
    for number in range(80):
        decision = customer.give("View", number + 1, page=f"{number}{LONG}")
        dropped |= set(decision.dropped)
        assert size(customer.state) <= STATE_BYTES_MAX
    assert dropped == {"seen", "macro_history", "features"}
    newest = [one.entries[-1][1] for one in customer.state.features.values()]
    assert newest == [f"79{LONG}"] * 3
    assert ends(customer.give("Order", 100)) == [("GOAL", "o")]


def test_law6_the_oldest_ids_go_first() -> None:
    customer = Customer(recents(1))
    history = [MacroStage("purchase", T0, 0)]
    traits = {f"t{number}": Written(LONG, T0, "e") for number in range(63)}
    state = CustomerState(
        seen=(b"\0" * 12 + (T0 // 1000).to_bytes(4, "big")) * 100,
        traits=traits,
        macro=history[0],
        macro_history=history,
    )
    over = size(state) - STATE_BYTES_MAX
    assert 0 < over < 1600
    decision = decide(customer.plan, state, event("View", 0, page=LONG[:80]), T0)
    assert set(decision.dropped) == {"seen"}
    assert size(decision.state) <= STATE_BYTES_MAX
    assert decision.state.macro_history == history


def test_law6_what_cannot_shrink_stays_but_nobody_enters() -> None:
    traits = {f"t{number}": Written(LONG, T0, "e") for number in range(80)}
    state = CustomerState(traits=traits)
    customer = Customer(recents(1), state)
    customer.give("View", 0, page="home")
    decision = customer.give("Cart", 1)
    assert entries(decision) == ["STATE_LIMIT"]
    assert customer.state.traits == traits


def test_law6_what_can_shrink_keeps_nobody_out() -> None:
    many = 30
    views = FeatureState.of(T0, [(T0, LONG)] * (STATE_BYTES_MAX // 1000 - 4))
    state = CustomerState(
        features={"f0": views, **{f"x{n}": FeatureState(T0) for n in range(many)}}
    )
    assert STATE_BYTES_MAX - RESERVE < size(state) < STATE_BYTES_MAX
    customer = Customer(recents(1), state)
    assert entries(customer.give("Cart", 1)) == ["ENTERED"]
    assert customer.state.features["f0"] == views


def test_law6_a_timer_on_a_state_over_its_bound() -> None:
    customer = Customer(plan(journey("a", stage("in", after(DAY, "in")), entry=[clause("C")])))
    customer.give("C", 0)
    traits = {f"t{number}": Written(LONG, T0, "e") for number in range(80)}
    customer.state = msgspec.structs.replace(customer.state, traits=traits)
    assert customer.tick(DAY).dropped == {"seen": 1, "macro_history": 1}
    assert customer.state.macro_history == []
    assert customer.tick(2 * DAY).dropped == {}
    assert customer.stages == ["in"]


def test_law6_instances_of_many_keys_are_refused_at_the_limit() -> None:
    cart = read("event", "cart")
    keyed = journey(
        "a",
        stage("in", after(DAY, "end")),
        entry=[clause("Cart", key=cart, remember={"note": read("event", "note")})],
        goals=[clause("Order", name="o", key=cart)],
        keyed=True,
        max_live=1000,
        reentry=Reentry(limit=3),
    )
    customer = Customer(plan(keyed))
    found = [
        entries(customer.give("Cart", number, cart=f"{number}", note=LONG[:900]))[0]
        for number in range(100)
    ]
    assert "STATE_LIMIT" in found
    assert found.index("STATE_LIMIT") == found.count("ENTERED")
    assert size(customer.state) <= STATE_BYTES_MAX
    assert ends(customer.give("Order", 200, cart="3")) == [("GOAL", "o")]
    assert entries(customer.give("Cart", 201, cart="new", note="")) == ["ENTERED"]


def test_law6_a_usual_state_is_not_measured() -> None:
    decision = decide(recents(1), EMPTY, event("View", 0, page="home"), T0)
    assert not decision.dropped


def test_law6_of_features_the_largest_is_halved_until_it_fits() -> None:
    small = {f"t{number}": Written("x", T0, "e") for number in range(30)}
    held = {
        name: FeatureState.of(T0, [(T0 + at, f"{name}{at:02}{LONG[:997]}") for at in range(many)])
        for name, many in (("a", 25), ("b", 41), ("c", 9))
    }
    state = CustomerState(traits=small, features=held)
    over = size(state) - STATE_BYTES_MAX
    assert 9_000 < over < 20_000
    decision = decide(GO, state, event("Go", 1), T0)
    assert decision.dropped == {"seen": 1, "features": 21}
    kept = decision.state.features
    assert {name: len(one.entries) for name, one in kept.items()} == {"a": 25, "b": 20, "c": 9}
    assert kept["b"].entries == held["b"].entries[21:]
    more = CustomerState(traits=small, features={**held, "d": held["a"]})
    decision = decide(GO, more, event("Go", 1), T0)
    assert decision.dropped == {"seen": 1, "features": 21 + 13 + 13}
    assert [len(one.entries) for one in decision.state.features.values()] == [12, 20, 9, 12]


def test_law6_what_patterns_of_entries_saw_goes_last() -> None:
    traits = {f"t{number}": Written(LONG, T0, "e") for number in range(63)}
    seen = {str(key): PatternState([(T0, 1)] * 32) for key in range(32)}
    memory = JourneyMemory(T0, 3, patterns={"p": seen})
    state = CustomerState(traits=traits, journeys={"j": memory})
    assert size(state) > STATE_BYTES_MAX
    decision = decide(GO, state, event("Go", 1), T0)
    assert decision.dropped == {"seen": 1, "patterns": 32}
    assert decision.state.journeys["j"].patterns == {}
    assert decision.state.journeys["j"].entry_no == 3


def test_law6_many_ends_remembered_for_a_merge_are_measured() -> None:
    ended = [Ended("j", f"{number:02}{LONG[:254]}", T0) for number in range(ENDED_MAX)]
    held = FeatureState.of(T0, [(T0 + at, f"{at:02}{LONG}") for at in range(52)])
    state = CustomerState(features={"a": held}, identity=Identity(ended=ended))
    assert size(state) > STATE_BYTES_MAX
    decision = decide(GO, state, event("Go", 1), T0)
    assert decision.dropped == {"seen": 1, "features": 26}
    assert decision.state.identity == state.identity


def test_law6_a_long_name_of_a_purpose_that_no_plan_has_is_not_kept() -> None:
    customer = Customer(plan(profile=PROFILE, consent={LONG: False}))
    for purpose in ("known-later", f"{LONG}-other", LONG):
        consent(customer, 0, granted=True, purpose=purpose)
    assert set(customer.state.consent) == {"known-later/email", f"{LONG}/email"}


def test_law6_many_features_of_short_values_are_measured_too() -> None:
    customer = Customer(recents(20))
    dropped: set[str] = set()
    for number in range(63):
        dropped |= set(customer.give("View", number, page=f"{number:064}").dropped)
        assert size(customer.state) <= STATE_BYTES_MAX
    assert "features" in dropped
