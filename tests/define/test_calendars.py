"""Rules W2 to W5 in the plan: `at` of transitions, calendars and zones of policies.yaml."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import pytest

from journey_engine.define.calendar_form import WEEKDAYS
from journey_engine.define.calendar_plan import AtPlan, IfPast
from journey_engine.define.compiler import compile_plan
from journey_engine.define.plan import TransitionPlan, Trigger
from journey_engine.run.zones import load_zones
from tests.define.dated import COMPANY
from tests.define.definitions import (
    CART,
    FILES,
    SCHEMAS,
    bent,
    compiled,
    errors_of,
)
from tests.define.error_cases import WAIT


def waiting(form: str) -> Mapping[str, str]:
    return bent(CART, WAIT, f"{{at: {form}, to: nudged}}", COMPANY)


def transition(form: str) -> TransitionPlan:
    return compiled(waiting(form)).by_name["cart"].stages["waiting"].transitions[0]


def at(form: str) -> AtPlan:
    found = transition(form).at
    assert found is not None
    return found


def allowed(form: str) -> list[str] | None:
    only = at(f"{{time: '09:00', {form}}}").only
    return None if only is None else [WEEKDAYS[day] for day in sorted(only.weekdays)]


def test_w2_a_wait_on_the_calendar_is_a_timer_that_says_what_it_is() -> None:
    found = transition("{days: 2, time: '09:00', only: [mon, tue]}")
    assert found.trigger is Trigger.AT
    assert found.text == "at days 2 time 09:00 only mon | tue"


def test_w2_its_parts() -> None:
    found = at("{months: 1, days: -2, workdays: 3, time: '22:30', tz: Europe/Lisbon, spread: 30m}")
    assert (found.months, found.days, found.workdays, found.moves) == (1, -2, 3, True)
    assert found.time == 22 * 3_600_000 + 30 * 60_000
    assert found.zone is load_zones().by_name["Europe/Lisbon"]
    assert found.spread == 30 * 60_000
    assert (found.if_past, found.yearly, found.date) == (IfPast.RUN, False, None)


@pytest.mark.parametrize(
    ("form", "days"),
    [
        ("tz: customer", None),
        ("only: workdays", ["mon", "tue", "wed", "thu", "fri"]),
        ("only: weekends", ["sat", "sun"]),
        ("only: sat", ["sat"]),
        ("only: [workdays, sun]", ["mon", "tue", "wed", "thu", "fri", "sun"]),
        ("calendar: shop", ["mon", "tue", "wed", "thu", "fri", "sat"]),
        ("only: workdays, calendar: shop", ["mon", "tue", "wed", "thu", "fri", "sat"]),
        ("only: weekends, calendar: shop", ["sun"]),
        ("only: [fri, weekends], calendar: bank", ["fri", "sat", "sun"]),
    ],
)
def test_w2_the_days_that_only_and_the_calendar_allow(form: str, days: list[str] | None) -> None:
    assert allowed(form) == days


def test_w2_a_calendar_closes_days_for_only_and_for_workdays() -> None:
    found = at("{workdays: 1, only: [fri], calendar: bank}")
    assert found.only is not None
    assert found.only.closed == found.work.closed == {dt.date(2026, 12, 25)}


def test_w2_only_and_a_calendar_without_a_day_in_common_are_an_error() -> None:
    [error] = errors_of(waiting("{time: '09:00', only: [sat, sun], calendar: bank}"))
    assert (error.code, error.hint) == ("NO_DAY_LEFT", "name days of its `week`")


def test_w2_each_weekday_that_only_names_is_in_the_week_of_the_calendar() -> None:
    found = errors_of(waiting("{time: '09:00', only: [sat, fri, sun], calendar: bank}"))
    assert [(e.code, e.path[-6:], e.message.split("`")[3]) for e in found] == [
        ("NO_DAY_LEFT", "only.0", "sat"),
        ("NO_DAY_LEFT", "only.2", "sun"),
    ]


def test_w5_the_zone_of_the_policies_is_utc_where_none_is_named() -> None:
    assert compiled().zone is dt.UTC
    assert compiled(COMPANY).zone is load_zones().by_name["America/Sao_Paulo"]


def test_w5_the_version_of_the_zones_is_part_of_the_plan() -> None:
    zones = load_zones()
    plans = [
        compile_plan(FILES, SCHEMAS, each) for each in (zones, replace(zones, version="2031a"))
    ]
    assert [plan.zones.version for plan in plans] == [zones.version, "2031a"]
    assert plans[0].hash != plans[1].hash
    assert compile_plan(FILES, SCHEMAS, zones).hash == plans[0].hash


def test_w4_the_plan_knows_on_what_the_time_of_a_wait_depends() -> None:
    assert compiled(COMPANY).dated_by_traits == frozenset()
    assert compiled(waiting("{days: 1}")).dated_by_traits == {"timezone"}
    fixed = compiled(waiting("{date: customer.first_name, if_past: run, tz: Europe/Lisbon}"))
    assert fixed.dated_by_traits == {"first_name"}
    assert not fixed.dated_by_features
    counted = "{date: features.last_order.at, if_past: run}"
    last = "views_1h: {count: ProductViewed, within: 1h}"
    files = bent(
        CART,
        last,
        f"{last}\n  last_order: {{last: OrderPlaced, fields: [total]}}",
        waiting(counted),
    )
    assert compiled(files).dated_by_features


def test_a_wrong_bare_date_is_told_how_it_is_written() -> None:
    [error] = errors_of(waiting("{date: 2027-07-15, if_past: run}"))
    assert error.hint == "as text it is written \"'2027-07-15'\""


def test_every_zone_of_the_package_is_known() -> None:
    zones = load_zones()
    assert len(zones.by_name) > 500
    assert {"UTC", "America/Sao_Paulo", "Asia/Kolkata"} <= zones.by_name.keys()
