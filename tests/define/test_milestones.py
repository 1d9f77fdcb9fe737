"""Rule I5 as written: milestones, and what may read them."""

from tests.define.definitions import CART, MILESTONES, bent, compiled, errors_of

WAIT = "{after: 4h, reset_on: CartUpdated, to: nudged}"


def test_i5_milestones_are_compiled_by_type_and_name() -> None:
    journey = compiled(bent(CART, "version: 3", MILESTONES)).by_name["cart"]

    assert journey.milestone_names == ("back", "filled")
    assert {kind: [one.name for one in found] for kind, found in journey.milestones.items()} == {
        "CartUpdated": ["filled"],
        "ProductViewed": ["back"],
    }
    assert "ProductViewed" in journey.reads
    assert journey.milestones["ProductViewed"][0].whole_customer


def test_i5_on_milestone_reads_what_the_events_of_all_milestones_have() -> None:
    files = bent(CART, "version: 3", MILESTONES)
    moved = "{on: milestone, when: event.channel == 'web', remember: {left: milestones.missing}, "
    files = bent(CART, WAIT, moved + "to: nudged}", files)
    (transition,) = compiled(files).by_name["cart"].stages["waiting"].transitions

    assert transition.types == {"milestone"}
    assert transition.key is None
    assert "milestone" not in compiled(files).by_name["cart"].reads

    files = bent(CART, "event.channel == 'web'", "event.total > 1.0", files)
    assert [e.code for e in errors_of(files)] == ["UNKNOWN_FIELD"]


def test_i5_a_wait_may_be_reset_by_milestones_and_by_events() -> None:
    files = bent(CART, "version: 3", MILESTONES)
    files = bent(CART, "reset_on: CartUpdated", "reset_on: [milestone, CartUpdated]", files)
    (wait,) = compiled(files).by_name["cart"].stages["waiting"].timers

    assert wait.reset_on == {"milestone", "CartUpdated"}
    assert wait.key is not None


def test_i5_a_goal_may_be_milestones_alone_and_stands_under_their_types() -> None:
    files = bent(CART, "version: 3", MILESTONES)
    goal = 'order_placed: {when: "milestones.filled && size(milestones.missing) == 0"}'
    files = bent(CART, "order_placed: {on: OrderPlaced, value: event.total}", goal, files)

    assert {"CartUpdated", "ProductViewed"} <= compiled(files).by_name["cart"].goals.keys()


def test_i5_milestones_are_nothing_before_the_entry() -> None:
    files = bent(CART, "version: 3", MILESTONES)
    files = bent(CART, "event.total != null &&", "milestones.filled &&", files)

    assert [e.code for e in errors_of(files)] == ["UNKNOWN_FIELD"]
