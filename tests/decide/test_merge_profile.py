"""Rule M2: what was known of two identities made one, part by part."""

from journey_engine.decide.event import Origin
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.merge_profile import joined
from journey_engine.decide.state import (
    ENGAGEMENT_BUCKETS,
    ENTRIES_MAX,
    KEYS_MAX,
    MACRO_HISTORY_MAX,
    PATTERN_EVENTS_MAX,
    PATTERN_KEYS_MAX,
    PATTERN_WAITS_MAX,
    Awaited,
    CustomerState,
    JourneyMemory,
    KeyMemory,
    MacroStage,
    PatternState,
    Written,
)
from tests.decide.plans import clause, journey, plan, stage

PLAN = plan()


def both(ours: CustomerState, theirs: CustomerState) -> CustomerState:
    """Made one; whose is whose makes no difference but for how entries are numbered."""
    found = joined(PLAN, ours, theirs)
    other = joined(PLAN, theirs, ours)
    for name, memory in other.journeys.items():
        assert memory.keys == found.journeys[name].keys
        assert list(memory.keys) == list(found.journeys[name].keys)
        assert memory.latest == found.journeys[name].latest
    assert (other.macro, other.macro_history) == (found.macro, found.macro_history)
    assert (other.traits, other.engagement) == (found.traits, found.engagement)
    return found


def memories(ours: JourneyMemory | None, theirs: JourneyMemory | None) -> JourneyMemory:
    states = [CustomerState(journeys={} if one is None else {"j": one}) for one in (ours, theirs)]
    return both(*states).journeys["j"]


def test_the_later_macro_stage_counts_and_the_newest_are_remembered() -> None:
    first, second = MacroStage("purchase", 5, 1), MacroStage("loyalty", 5, 2)
    found = both(CustomerState(macro=second), CustomerState(macro=first))
    assert found.macro == second
    assert both(CustomerState(macro=first), CustomerState()).macro == first
    assert both(CustomerState(), CustomerState()).macro is None
    ours = [MacroStage("purchase", at, 1) for at in range(0, 40, 2)]
    theirs = [MacroStage("loyalty", at, 1) for at in range(1, 41, 2)]
    history = both(CustomerState(macro_history=ours), CustomerState(macro_history=theirs))
    assert [one.at for one in history.macro_history] == [*range(40 - MACRO_HISTORY_MAX, 40)]
    assert (
        len(
            both(
                CustomerState(macro_history=ours), CustomerState(macro_history=ours[:4])
            ).macro_history
        )
        == MACRO_HISTORY_MAX
    )


def test_what_was_written_last_counts_then_the_id_of_the_event() -> None:
    ours = {"a": Written("x", 1, "e2"), "b": Written("x", 2, "e1"), "c": Written("x", 3, "e")}
    theirs = {"a": Written("y", 2, "e1"), "b": Written("y", 2, "e2"), "d": Written("y", 3, "e")}
    found = both(CustomerState(traits=ours), CustomerState(traits=theirs)).traits
    assert {name: one.value for name, one in found.items()} == dict.fromkeys("abd", "y") | {
        "c": "x"
    }
    assert list(found) == ["a", "b", "c", "d"]


def test_counts_of_a_channel_add_up_week_by_week() -> None:
    ours = {"email": [(1, 1, 2, 3, 4), (40, 1, 1, 1, 1)], "sms": [(3, 1, 0, 0, 0)]}
    theirs = {"email": [(11, 5, 6, 7, 8), (40, 10, 20, 30, 40)], "push": [(2, 0, 0, 0, 1)]}
    found = both(CustomerState(engagement=ours), CustomerState(engagement=theirs)).engagement
    assert 40 - ENGAGEMENT_BUCKETS == 10
    assert found == {
        "email": [(11, 5, 6, 7, 8), (40, 11, 21, 31, 41)],
        "push": [(2, 0, 0, 0, 1)],
        "sms": [(3, 1, 0, 0, 0)],
    }


def test_entries_and_ends_of_both_count_for_re_entry() -> None:
    ours = JourneyMemory(5, 7, {"a": KeyMemory([1, 5], 6), "b": KeyMemory([2])})
    theirs = JourneyMemory(9, 3, {"a": KeyMemory([3], 4), "c": KeyMemory([], 8)})
    found = memories(ours, theirs)
    assert (found.latest, found.entry_no) == (9, 7)
    assert list(found.keys.items()) == [
        ("b", KeyMemory([2])),
        ("a", KeyMemory([1, 3, 5], 6)),
        ("c", KeyMemory([], 8)),
    ]
    assert memories(None, theirs) == JourneyMemory(9, 0, theirs.keys)
    assert memories(ours, None).keys == ours.keys


def test_t7_what_either_was_read_up_to_counts() -> None:
    cart = journey("cart", stage("in"), entry=[clause("Cart")], updates=[clause("View")])
    ours = CustomerState(journeys={"cart": JourneyMemory(5, 1)}, latest={"Cart": 1, "Search": 9})
    theirs = CustomerState(latest={"Cart": 3, "View": 7, "Search": 8})
    for found in joined(plan(cart), ours, theirs), joined(plan(cart), theirs, ours):
        assert found.journeys["cart"].latest == 7
        assert found.latest == {"Cart": 3, "Search": 9, "View": 7}


def test_both_remember_who_entered_for_life() -> None:
    found = memories(JourneyMemory(1, 1, once=b"b" * 8), JourneyMemory(1, 1, once=b"a" * 8))
    assert found.once == b"a" * 8 + b"b" * 8


def test_of_too_many_the_newest_are_remembered() -> None:
    entries = [[*range(part, 2 * ENTRIES_MAX, 2)] for part in (0, 1)]
    ours, theirs = (JourneyMemory(1, 1, {"a": KeyMemory(each)}) for each in entries)
    assert memories(ours, theirs).keys["a"].entries == [*range(ENTRIES_MAX, 2 * ENTRIES_MAX)]
    keys = [
        {f"{part}{at:03}": KeyMemory([at]) for at in range(part, 2 * KEYS_MAX, 2)}
        for part in (0, 1)
    ]
    found = memories(*(JourneyMemory(1, 1, each) for each in keys))
    assert [one.entries[0] for one in found.keys.values()] == [*range(KEYS_MAX, 2 * KEYS_MAX)]


def test_what_a_pattern_saw_of_both_is_in_order_of_time_and_bounded() -> None:
    def seen(*ats: int) -> PatternState:
        return PatternState([(at, 1) for at in ats], [_awaited(at) for at in ats])

    ours = {"p": {"a": seen(*range(0, 40, 2)), "b": seen(1)}}
    theirs = {"p": {"a": seen(*range(1, 41, 2))}, "q": {"": seen(3)}}
    found = memories(JourneyMemory(patterns=ours), JourneyMemory(patterns=theirs)).patterns
    assert sorted(found) == ["p", "q"]
    assert list(found["p"]) == ["b", "a"]
    assert found["p"]["b"] == seen(1)
    assert [at for at, _ in found["p"]["a"].taken] == [*range(40 - PATTERN_EVENTS_MAX, 40)]
    assert [one.due for one in found["p"]["a"].awaited] == [*range(40 - PATTERN_WAITS_MAX, 40)]
    many = [{f"{at:03}": seen(at) for at in range(part, 80, 2)} for part in (0, 1)]
    states = (JourneyMemory(patterns={"p": each}) for each in many)
    assert list(memories(*states).patterns["p"]) == [
        f"{at:03}" for at in range(80 - PATTERN_KEYS_MAX, 80)
    ]


def _awaited(at: int) -> Awaited:
    return Awaited(at, Origin(f"e{at}", "interactions.web.v1", 0, at))


def test_a_feature_that_left_the_plan_stays_as_one_of_them_had_it() -> None:
    one, other = FeatureState.of(1, [(5, 1)]), FeatureState.of(2, [(4, 1)])
    for ours, theirs in ((one, other), (other, one)):
        states = (CustomerState(features={"gone": each}) for each in (ours, theirs))
        assert joined(PLAN, *states).features == {"gone": one}
