"""Definitions to a plan."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_engine.decide.state import CONTEXT_FIELDS_MAX, INSTANCE_TIMERS_MAX
from journey_engine.define import checks, context
from journey_engine.define.codes import CODES
from journey_engine.define.loader import Data, parse_yaml
from journey_engine.define.plan import JourneyPlan, Reentry, ReentryMode, Trigger
from journey_engine.define.profile_plan import FeatureOp
from tests.define.definitions import (
    CART,
    CUSTOMER,
    FILES,
    LIFECYCLE,
    POLICIES,
    bent,
    compiled,
    errors_of,
)

LAST = "{after: 2d, to: end, outcome: clicked}"
REPLACEMENTS: list[Data] = [None, True, 0, -1, 1.5, "", "x", [], {}, [[]], {"x": 1}]
PLAN = compiled()
HOUR = 3_600_000
DAY = 24 * HOUR


def cart(*bends: tuple[str, str]) -> JourneyPlan:
    files = dict(FILES)
    for old, new in bends:
        files = bent(CART, old, new, files)
    return compiled(files).by_name["cart"]


def shuffled(data: Data, random: Random) -> Data:
    """The same data with every mapping's keys in another order; stages' own ranks them."""
    if isinstance(data, list):
        return [shuffled(item, random) for item in data]
    if isinstance(data, dict):
        keys = sorted(data)
        random.shuffle(keys)
        mixed = {key: shuffled(data[key], random) for key in keys}
        stages = data.get("stages")
        if isinstance(stages, dict):
            mixed["stages"] = {name: shuffled(stages[name], random) for name in stages}
        return mixed
    return data


def test_what_the_author_wrote_is_in_the_plan() -> None:
    journey = cart()

    assert (journey.name, journey.version, journey.priority) == ("cart", 3, 70)
    assert journey.reentry == Reentry(
        ReentryMode.AFTER_END, 7 * DAY, 3, 90 * DAY, per_customer=True
    )
    assert (journey.abandon, journey.lateness, journey.max_live) == (30 * DAY, HOUR, 32)
    assert journey.keyed
    assert journey.reads == {"CartUpdated", "OrderPlaced", "CartEmptied", "MessageClicked"}
    send = journey.stages["nudged"].on_enter[0]
    assert (send.id, send.content, send.theme) == ("reminder", "cart-reminder", "cart")
    assert send.channels == ("email", "push")
    assert send.expires == DAY
    assert [name for name, _ in send.data] == ["browsing", "total"]


def test_a_stage_has_its_views_in_document_order() -> None:
    transitions = """{on: [CartUpdated, OrderPlaced], when: 'false', to: end}
      - {when: 'instance.total > 5.0', to: end}
      - {always: true, when: 'false', to: end}
      - {after: 1h, reset_on: CartUpdated, to: end}
      - {on: CartUpdated, to: waiting}"""
    stage = cart((LAST, transitions)).stages["engaged"]

    assert [t.trigger for t in stage.transitions] == [
        Trigger.EVENT,
        Trigger.WHEN,
        Trigger.ALWAYS,
        Trigger.AFTER,
        Trigger.EVENT,
    ]
    assert [t.index for t in stage.by_type["CartUpdated"]] == [0, 1, 2, 4]
    assert [t.index for t in stage.by_type["OrderPlaced"]] == [0, 1, 2]
    assert [t.index for t in stage.eventless] == [1, 2]
    assert [t.index for t in stage.always] == [2]
    assert [t.index for t in stage.timers] == [3]
    assert {name: [t.index for t in ts] for name, ts in stage.resets.items()} == {
        "CartUpdated": [3]
    }


def test_the_fields_that_anybody_reads_are_known_for_each_type() -> None:
    assert PLAN.fields["CartUpdated"] == {"cart_id", "total"}
    assert PLAN.fields["OrderPlaced"] == {"cart_id", "total"}
    assert PLAN.fields["ProductViewed"] == set()
    # `event.send` is the engine's own; the record has the command's id.
    assert PLAN.fields["MessageClicked"] == {"command_id"}
    assert "AppInstalled" not in PLAN.fields


def test_feedback_types_are_those_with_a_command_id() -> None:
    assert "MessageClicked" in PLAN.feedback
    assert "OrderPlaced" not in PLAN.feedback


def test_the_profile_has_its_readers_by_type() -> None:
    assert [(r.trait, r.field) for r in PLAN.profile["ProfileChanged"].traits] == [
        ("first_name", "first_name")
    ]
    assert PLAN.trait_valid == {"first_name": 7 * DAY}
    assert PLAN.profile["ConsentChanged"].consent[0].granted is not None
    assert PLAN.profile["MessageUnsubscribed"].consent[0].granted is None
    assert [(r.channel, r.reachable) for r in PLAN.profile["PushTokenRemoved"].reach] == [
        ("push", False)
    ]
    assert PLAN.profile["OrderPlaced"].features[0].op is FeatureOp.SUM


def test_unknown_consent_means_what_the_purpose_says_unless_the_customer_file_does() -> None:
    assert PLAN.consent_default == {"marketing": True, "service": True}
    files = bent(CUSTOMER, "  default: {marketing: granted}\n", "")
    assert compiled(files).consent_default["marketing"] is False


def test_channels_have_their_hold_and_expiry() -> None:
    assert (PLAN.channels["email"].hold, PLAN.channels["email"].expires) == (600_000, 2 * DAY)
    assert (PLAN.channels["push"].hold, PLAN.channels["push"].expires) == (0, None)


def test_journeys_are_ordered_by_priority_then_name() -> None:
    files = dict(FILES)
    for name, priority in (("b", 70), ("a", 90), ("d", 10)):
        files[f"topologies/journeys/{name}.yaml"] = bent(
            CART, "journey: cart", f"journey: {name}", bent(CART, "70", str(priority))
        )[CART]

    plan = compiled(files)

    assert [journey.name for journey in plan.journeys] == ["a", "b", "cart", "d"]
    assert [journey.name for journey in plan.by_type["CartUpdated"]] == ["a", "b", "cart", "d"]


def test_equal_features_share_one_store_and_others_do_not() -> None:
    same = "spend: {sum: OrderPlaced.total, within: 90d, warm_up: 30d}"
    other = "spend: {sum: OrderPlaced.total, within: 91d}"
    shared = PLAN.journeys[0].features["spend_90d"].id

    assert cart(("features:\n", f"features:\n  {same}\n")).features["spend"].id == shared
    assert cart(("features:\n", f"features:\n  {other}\n")).features["spend"].id != shared
    files = bent(CART, "features:\n", f"features:\n  {same}\n")
    assert len(compiled(files).profile["OrderPlaced"].features) == 1


@pytest.mark.parametrize("first", ["ever", "later"])
def test_a_feature_that_warms_up_starts_so_whatever_others_make_of_it(first: str) -> None:
    warm, plain = "{count: OrderPlaced, warm_up: 30d}", "{count: OrderPlaced}"
    second = "later" if first == "ever" else "ever"
    files = bent(CART, "features:\n", f"features:\n  {first}: {warm}\n  {second}: {plain}\n")
    plan = compiled(files)

    assert plan.by_name["cart"].features[first].id in plan.windowed
    assert plan.by_name["cart"].features[second].warm_up is None


def test_each_clause_is_routed_by_the_key_its_own_key_or_not_at_all() -> None:
    journey = cart(
        ("reason: emptied}", "reason: emptied, key: event.session_id}"),
        (
            "  - {on: CartEmptied",
            "  - {on: ProductViewed, scope: customer, reason: x}\n  - {on: CartEmptied",
        ),
    )

    keys = {
        "entry": journey.entries["CartUpdated"][0],
        "goal": journey.goals["OrderPlaced"][0],
        "own": journey.exits["CartEmptied"][0],
        "all": journey.exits["ProductViewed"][0],
    }
    assert {name: clause.key and clause.key.text for name, clause in keys.items()} == {
        "entry": "event.cart_id",
        "goal": "event.cart_id",
        "own": "event.session_id",
        "all": None,
    }
    assert [name for name, clause in keys.items() if clause.whole_customer] == ["all"]


def test_feedback_needs_no_key() -> None:
    click = cart().stages["nudged"].by_type["MessageClicked"][0]

    assert click.key is None
    assert not click.whole_customer


def test_a_goal_without_on_stands_under_every_type_with_that_types_route() -> None:
    journey = cart(
        ("goals:\n", "goals:\n  rich: {when: 'instance.total > 900.0'}\n"),
        (
            "  - {on: CartEmptied",
            "  - {on: ProductViewed, scope: customer, reason: x}\n  - {on: CartEmptied",
        ),
    )

    rich = {name: clauses[-1] for name, clauses in journey.goals.items()}
    assert set(rich) == journey.reads
    assert {clause.name for clause in rich.values()} == {"rich"}
    # It names no type, so it reaches nobody: `abandon` does not count from it.
    assert {clause.types for clause in rich.values()} == {frozenset()}
    assert rich["CartUpdated"].key is not None
    assert rich["ProductViewed"].whole_customer
    assert [clause.name for clause in journey.goals["OrderPlaced"]] == ["order_placed", "rich"]


def test_the_event_can_be_read_on_entering_where_every_way_in_is_an_event_with_the_field() -> None:
    way = ("{after: 4h, reset_on: CartUpdated, to: nudged}", "{on: CartUpdated, to: nudged}")
    reads = ("total: instance.total,", "total: event.total,")

    assert cart(way, reads).stages["nudged"].on_enter[0].data[1][1].text == "event.total"
    # A delayed send is decided again when it is released: the event is gone by then.
    delayed = bent(CART, "expires: 1d", "delay: 1h\n          expires: 1d")
    for bend in (way, reads):
        delayed = bent(CART, *bend, delayed)
    assert [e.code for e in errors_of(delayed)] == ["UNKNOWN_FIELD"]


def test_context_is_typed_through_other_context() -> None:
    remember = "{total: event.total, double: 'instance.total * 2.0', more: 'instance.double + 1.0'}"
    journey = cart(
        (
            "updates:\n  - {on: CartUpdated, remember: {total: event.total}}",
            f"updates:\n  - {{on: CartUpdated, remember: {remember}}}",
        )
    )

    update = journey.updates["CartUpdated"][0]
    assert [(name, e.kind) for name, e in update.remember] == [
        ("double", "double"),
        ("more", "double"),
        ("total", "double"),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 3\nowner: lifecycle-team", "owner: lifecycle-team   # theirs\n\nversion: 3"),
        ("{after: 2d, to: end}", "{ to: end,   after: '2d' }"),
        ("cooldown: 7d", "cooldown: 1w"),
        ("{after: 2d, to: end}", "after: 2d\n        to: end"),
        ("priority: 70", "priority: 70\nmax_live: 32"),
        (
            "data: {total: instance.total, browsing: features.views_1h}",
            "data: {browsing: features.views_1h, total: 'instance.total'}",
        ),
    ],
)
def test_the_hash_is_that_of_the_meaning_not_of_the_text(old: str, new: str) -> None:
    assert compiled(bent(CART, old, new)).hash == PLAN.hash


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (CART, "after: 4h", "after: 5h"),
        (CART, "> 50.0", "> 51.0"),
        (CART, "version: 3", "version: 4"),
        (CART, "[preferred, email, push]", "[preferred, push, email]"),
        (CUSTOMER, "within: 90d", "within: 91d"),
        (POLICIES, "service: {consent: opt_out}", "service: {consent: opt_in}"),
        (LIFECYCLE, "crm-lead", "mail-lead"),
    ],
)
def test_the_hash_changes_with_the_meaning(file: str, old: str, new: str) -> None:
    assert compiled(bent(file, old, new)).hash != PLAN.hash


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(random: Random) -> None:
    files = {
        path: json.dumps(shuffled(parse_yaml(path, text).value, random))
        for path, text in FILES.items()
    }

    assert compiled(files).hash == PLAN.hash


def test_the_order_of_stages_ranks_them_unless_they_say_themselves() -> None:
    first, second = "  waiting:\n", "  nudged:\n"
    ranks = {name: stage.rank for name, stage in cart().stages.items()}
    assert ranks["waiting"] < ranks["nudged"]
    said = (
        FILES[CART]
        .replace(first, first + "    rank: 9\n")
        .replace(second, second + "    rank: 2\n")
    )
    stages = compiled({**FILES, CART: said}).by_name["cart"].stages
    assert (stages["waiting"].rank, stages["nudged"].rank) == (9, 2)


def test_where_the_files_lie_changes_nothing() -> None:
    moved = {f"/srv/{path}": text for path, text in FILES.items()}

    assert compiled(moved).hash == PLAN.hash


def test_limits_are_those_of_the_state() -> None:
    assert checks.STAGE_TIMERS_MAX == INSTANCE_TIMERS_MAX
    assert context.CONTEXT_FIELDS_MAX == CONTEXT_FIELDS_MAX


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_is_written_gives_a_plan_or_errors_with_places(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[path]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(st.sampled_from(["", "x", "{}", "[]", "'", "null", "7", ": ", "\n", "event."]))

    errors = errors_of({**FILES, path: text[:start] + new + text[end:]})

    assert all(error.line >= 1 and error.column >= 1 and error.code in CODES for error in errors)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_value_stands_anywhere_gives_a_plan_or_errors(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FILES)))
    root = parse_yaml(path, FILES[path]).value
    place: Data = root
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]  # type: ignore[index,call-overload] # the key is one of the place's
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            new = data.draw(st.sampled_from(REPLACEMENTS))
            place[key] = new  # type: ignore[index,call-overload] # as above
            break
        place = inner

    errors = errors_of({**FILES, path: json.dumps(root)})

    assert all(error.code in CODES for error in errors)
