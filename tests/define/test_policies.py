"""Contact policy from its files to the plan."""

from datetime import UTC, datetime

import pytest

from journey_engine.define.action_plan import Action
from journey_engine.define.compiler import compile_definitions
from journey_engine.define.plan import END, Plan
from journey_engine.define.policy_plan import Hold, Period, Quiet
from journey_engine.errors import CandidateOutcome
from journey_engine.run.zones import load_zones
from tests.define.definitions import CART, FILES, POLICIES, SCHEMAS, bent, compiled, errors_of

HOUR = 3_600_000
DAY = 24 * HOUR
FULL = """\
purposes:
  marketing:
    {consent: opt_in, quiet: defer, obeys: [day, week], counts: [day, week], arbitrate: true}
  service: {consent: opt_out, quiet: skip, obeys: [], counts: [day], arbitrate: false}
  transactional: {consent: none, quiet: ignore}
caps:
  day:  {max: 1, calendar: day}
  week: {max: 3, rolling: 7d, channels: [email, push]}
quiet_hours:
  - {start: "22:00", end: "08:00"}
  - {start: "00:00", end: "12:00", days: [sun], channels: [push], purposes: [marketing]}
arbitration: {purpose: marketing, slots: ["18:00", "10:00"], winners: 2, losers: defer, score: pcvl}
holdouts:
  - {id: global-2026, share: 5%, purposes: [marketing], until: 2026-12-31}
  - {id: mail, share: 12.5%, purposes: [service, marketing]}
themes: {conflicts: [[price-rise, discount, gift]], within: 7d}
"""


def full(**more: str) -> Plan:
    return compiled({**FILES, POLICIES: FULL, **more})


def test_purposes_obey_and_count() -> None:
    policy = full().policy
    day, week = policy.caps

    assert (day.name, day.max, day.period, day.channels) == ("day", 1, Period.DAY, None)
    assert day.counted == {"marketing", "service"}
    assert (week.period, week.length, week.channels) == (
        Period.ROLLING,
        7 * DAY,
        frozenset({"email", "push"}),
    )
    assert week.counted == {"marketing"}
    assert policy.purposes["marketing"].obeys == (day, week)
    assert policy.purposes["service"].obeys == ()
    assert [one.transactional for one in policy.purposes.values()] == [False, False, True]
    assert (policy.memory, policy.ranks) == (7 * DAY, True)


def test_quiet_hours() -> None:
    policy = full().policy
    night, sunday = policy.quiet

    assert (night.start, night.end, night.weekdays) == (22 * HOUR, 8 * HOUR, frozenset(range(7)))
    assert (night.channels, night.purposes) == (None, None)
    assert sunday.weekdays == {6}
    assert (sunday.channels, sunday.purposes) == (frozenset({"push"}), frozenset({"marketing"}))
    kinds = {name: one.quiet for name, one in policy.purposes.items()}
    assert kinds == {
        "marketing": Quiet.DEFER,
        "service": Quiet.SKIP,
        "transactional": Quiet.IGNORE,
    }


def test_an_arbitration() -> None:
    collection = full().policy.purposes["marketing"].collection

    assert collection is not None
    assert (collection.winners, collection.slots) == (2, (10 * HOUR, 18 * HOUR))
    assert (collection.collect, collection.defer_losers) == (0, True)
    assert full().policy.purposes["service"].collection is None


def test_holdouts_end_with_their_day() -> None:
    purposes = full().policy.purposes
    first, second = purposes["marketing"].holdouts

    assert (first.id, first.share) == ("global-2026", 500)
    assert first.until == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert (second.id, second.share, second.until) == ("mail", 1250, None)
    assert purposes["service"].holdouts == (second,)


def test_a_holdout_ends_by_the_clock_of_the_policies() -> None:
    policies = f"timezone: America/Sao_Paulo\n{FULL}"
    holdout = full(**{POLICIES: policies}).policy.purposes["marketing"].holdouts[0]

    assert holdout.until == int(datetime(2027, 1, 1, 3, tzinfo=UTC).timestamp() * 1000)


def test_every_theme_of_a_group_contradicts_every_other() -> None:
    policy = full().policy

    assert policy.conflicts["gift"] == {"price-rise", "discount"}
    assert policy.conflicts_within == 7 * DAY


def test_what_nothing_is_said_of_costs_nothing() -> None:
    policy = compiled().policy

    assert (policy.memory, policy.ranks, policy.quiet, policy.conflicts) == (0, False, (), {})
    assert "ExternalSend" not in compiled().fields


def test_messages_of_others_are_read_where_something_counts_them() -> None:
    plan = full()

    assert plan.fields["ExternalSend"] == {"purpose", "theme"}
    assert plan.profile["ExternalSend"].sends


def _sends(text: str) -> Action:
    files = bent(CART, "theme: cart", f"theme: cart\n          {text}")
    plan = full(**{CART: files[CART]})
    [action] = plan.by_name["cart"].stages["nudged"].on_enter
    return action


def test_a_score_has_its_factors_in_order() -> None:
    action = _sends("score: {value: 120.0, propensity: features.views_1h}")

    assert [(name, factor.text) for name, factor in action.score] == [
        ("propensity", "features.views_1h"),
        ("value", "120.0"),
    ]


def test_a_factor_is_a_number() -> None:
    files = bent(CART, "theme: cart", "theme: cart\n          score: {value: \"'much'\"}")

    errors = errors_of({**FILES, POLICIES: FULL, CART: files[CART]})

    assert [error.code for error in errors] == ["SCORE_KIND"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("continue", {}),
        ("{CAP_REACHED: continue}", {}),
        ("{CAP_REACHED: end}", {CandidateOutcome.CAP_REACHED: END}),
        (
            "{CAP_REACHED: {to: engaged}, EXPIRED: end}",
            {CandidateOutcome.CAP_REACHED: "engaged", CandidateOutcome.EXPIRED: END},
        ),
    ],
)
def test_on_suppressed(text: str, expected: dict[CandidateOutcome, str]) -> None:
    assert _sends(f"on_suppressed: {text}").on_suppressed == expected


def test_on_suppressed_for_all_else_means_all_but_what_is_taken_back_or_held_out() -> None:
    for text in ("end", "{to: engaged}", "{else: end}"):
        action = _sends(f"on_suppressed: {text}")
        left = {
            CandidateOutcome.SENT,
            CandidateOutcome.DEFERRED,
            CandidateOutcome.HOLDOUT,
            CandidateOutcome.CANCELLED,
            CandidateOutcome.BACKFILL,
        }
        assert action.on_suppressed.keys().isdisjoint(left)
        assert len(action.on_suppressed) == 12
    some = _sends("on_suppressed: {LOWER_PRIORITY: end, else: {to: engaged}}").on_suppressed
    assert some[CandidateOutcome.LOWER_PRIORITY] == END
    assert some[CandidateOutcome.HELD] == "engaged"


def test_a_stage_may_be_reached_by_a_suppressed_send_alone() -> None:
    stage = "  spare:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: end}]\n"
    files = bent(CART, "theme: cart", "theme: cart\n          on_suppressed: {to: spare}")
    plan = compiled({**files, CART: files[CART] + stage})

    assert "spare" in plan.by_name["cart"].stages


def test_what_a_journey_holds() -> None:
    holds = "holds: {purposes: [service], themes: [cart], then: defer, at_most: 21d}"
    files = bent(CART, "abandon:", f"{holds}\nabandon:")
    plan = compiled(files)

    hold = plan.holds["cart"]
    assert isinstance(hold, Hold)
    assert hold.purposes == {"service"}
    assert hold.themes == {"cart"}
    assert hold.journeys == frozenset()
    assert (hold.drop, hold.at_most) == (False, 21 * DAY)


DECLARED = "themes: {names: [cart, price-rise], conflicts: [[cart, price-rise]], within: 7d}\n"


def themed(policies: str, old: str, new: str) -> list[tuple[str, int, str, bool]]:
    files = bent(CART, old, new, {**FILES, POLICIES: FILES[POLICIES] + policies})
    found = compile_definitions(files, SCHEMAS, load_zones()).findings
    return [(one.code, one.line, one.hint, one.warning) for one in found]


def test_declared_themes_are_the_only_ones() -> None:
    line = FILES[CART][: FILES[CART].index("theme: cart")].count("\n") + 1
    refused = ("UNKNOWN_THEME", line, "did you mean `cart`?", False)
    assert themed(DECLARED, "theme: cart", "theme: carts") == [refused]
    holds = "holds: {themes: [price-rises], then: drop, at_most: 1d}\nabandon:"
    ((code, _, hint, _),) = themed(DECLARED, "abandon:", holds)
    assert (code, hint) == ("UNKNOWN_THEME", "did you mean `price-rise`?")
    assert themed(DECLARED, "theme: cart", "theme: price-rise") == []
    assert themed("themes: {names: [cart]}\n", "theme: cart", "theme: cart") == []


def test_without_names_a_slip_of_the_pen_is_a_warning() -> None:
    free = "themes: {conflicts: [[discount, price-rise]], within: 7d}\n"
    assert themed(free, "theme: cart", "theme: cart") == []
    ((code, _, hint, warning),) = themed(free, "theme: cart", "theme: discuont")
    assert (code, warning) == ("THEME_UNDECLARED", True)
    assert hint.startswith("did you mean `discount`?")
    assert "`names`" in hint


@pytest.mark.parametrize(
    ("data", "channels", "warned"),
    [
        ("total: event.total", "[preferred, email, push]", True),
        ("total: event.total", "[preferred, email]", False),
        ("total: instance.total", "[preferred, email, push]", False),
    ],
)
def test_a_send_that_cannot_fall_back_is_a_warning(
    data: str, channels: str, *, warned: bool
) -> None:
    send = f"send: {{id: more, content: more, channels: {channels}, data: {{{data}}}}}"
    wait = "{after: 4h, reset_on: CartUpdated, to: nudged}"
    files = bent(CART, wait, f"{wait}\n      - {{on: CartUpdated, do: [{{{send}}}]}}")
    found = compile_definitions(files, SCHEMAS, load_zones()).findings
    assert [(one.code, one.warning, one.path) for one in found] == [
        ("NO_FALLBACK", True, "stages.waiting.transitions.1.do.0.send.channels")
    ] * warned
