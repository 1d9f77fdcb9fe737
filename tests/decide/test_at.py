"""Rules W2, W3 and W5: when a wait on the calendar is due."""

import datetime as dt

import pytest

from journey_engine.decide import calendar, profile
from journey_engine.decide.explain import sentences
from journey_engine.decide.state import Written
from tests.decide.contracts import NEW_YORK, Party, ms, plan_of, waiting
from tests.define.dated import COMPANY
from tests.define.definitions import CUSTOMER, FILES, bent, compiled


@pytest.mark.parametrize(
    ("at", "since", "due"),
    [
        # from the local day on which the wait began
        ("{days: 2, time: '09:00'}", "2026-01-15T12:00Z", "2026-01-17T09:00-05:00"),
        ("{days: 2, time: '09:00'}", "2026-01-16T03:00Z", "2026-01-17T09:00-05:00"),
        ("{days: 0, time: '18:00'}", "2026-01-15T12:00Z", "2026-01-15T18:00-05:00"),
        ("{months: 1, time: '09:00'}", "2026-01-31T12:00Z", "2026-02-28T09:00-05:00"),
        ("{months: 1, days: 1, time: '09:00'}", "2026-01-31T12:00Z", "2026-03-01T09:00-05:00"),
        ("{workdays: 3, time: '10:00'}", "2026-01-15T12:00Z", "2026-01-20T10:00-05:00"),
        # without a time the clock shows what it showed, over the change of 8 March
        ("{days: 2}", "2026-03-07T12:00-05:00", "2026-03-09T12:00-04:00"),
        # the next such time, strictly after
        ("{time: '09:00'}", "2026-01-15T08:59-05:00", "2026-01-15T09:00-05:00"),
        ("{time: '09:00'}", "2026-01-15T09:00-05:00", "2026-01-16T09:00-05:00"),
        ("{time: '09:00', only: workdays}", "2026-01-16T10:00-05:00", "2026-01-19T09:00-05:00"),
        ("{time: '09:00', only: weekends}", "2026-01-16T10:00-05:00", "2026-01-17T09:00-05:00"),
        ("{time: '09:00', only: [tue, thu]}", "2026-01-16T10:00-05:00", "2026-01-20T09:00-05:00"),
        # to a day that is allowed
        ("{days: 1, time: '09:00', calendar: bank}", "2026-12-24T12:00Z", "2026-12-28T09:00-05:00"),
        (
            "{workdays: 1, time: '09:00', calendar: bank}",
            "2026-12-24T12:00Z",
            "2026-12-28T09:00-05:00",
        ),
        (
            "{workdays: 2, time: '09:00', calendar: shop}",
            "2026-12-24T12:00Z",
            "2026-12-26T09:00-05:00",
        ),
        # a gap, a fold
        ("{days: 1, time: '02:30'}", "2026-03-07T12:00-05:00", "2026-03-08T03:00-04:00"),
        ("{days: 1, time: '01:30'}", "2026-10-31T12:00-04:00", "2026-11-01T01:30-04:00"),
    ],
)
def test_w2_from_the_day_on_which_the_wait_began(at: str, since: str, due: str) -> None:
    assert waiting(at, since).due() == due


@pytest.mark.parametrize(
    ("at", "ends_on", "due"),
    [
        ("days: -30, time: '09:00'", "2027-07-15", "2027-06-15T09:00-04:00"),
        ("time: '09:00'", "2027-07-15", "2027-07-15T09:00-04:00"),
        ("days: 1", "2027-07-15", "2027-07-16T00:00-04:00"),
        ("days: 1", "2027-07-15T13:45", "2027-07-16T13:45-04:00"),
        ("days: 1", "2027-07-15T23:45+02:00", "2027-07-16T17:45-04:00"),
        ("time: '09:00'", "2027-07-15T02:00Z", "2027-07-14T09:00-04:00"),
        ("months: -1, time: '09:00', only: workdays", "2027-03-31", "2027-03-01T09:00-05:00"),
    ],
)
def test_w2_from_a_date(at: str, ends_on: str, due: str) -> None:
    form = f"{{date: instance.ends_on, {at}, if_past: run}}"
    assert waiting(form, ends_on=ends_on).due() == due


def test_w2_from_a_timestamp_by_its_local_day() -> None:
    form = "{date: instance.entered_at, days: 1, time: '09:00', if_past: run}"
    assert waiting(form, "2026-01-16T03:00Z").due() == "2026-01-16T09:00-05:00"
    assert waiting(form.replace("time: '09:00', ", ""), "2026-01-16T03:00Z").due() == (
        "2026-01-16T22:00-05:00"
    )


def test_w2_fires_when_it_is_due_and_says_so() -> None:
    party = waiting("{days: 2, time: '09:00'}")
    party.until("2026-01-17T13:59Z")
    assert party.stages == ["waiting"]
    party.until("2026-01-17T14:00Z")
    assert party.stages == ["done"]
    assert party.moves == ["2026-01-17T14:00"]


def test_w1_a_day_is_24_hours_and_a_day_of_the_calendar_is_not() -> None:
    party = waiting("{days: 1}", "2026-03-07T12:00-05:00")
    assert party.due() == "2026-03-08T12:00-04:00"
    party.happens("2026-03-07T12:00-05:00", "CartEmptied")
    assert party.due() == "2026-03-08T13:00-04:00"


@pytest.mark.parametrize(
    ("form", "zone", "due"),
    [
        ("tz: Asia/Kolkata", NEW_YORK, "2026-01-15T22:30-05:00"),
        ("tz: customer", "Asia/Kolkata", "2026-01-15T22:30-05:00"),
        ("only: workdays", "Asia/Kolkata", "2026-01-15T22:30-05:00"),
        # the policies' zone, where the customer's is not known or no zone
        ("tz: customer", None, "2026-01-16T07:00-05:00"),
        ("tz: customer", "Mars/Olympus", "2026-01-16T07:00-05:00"),
        ("tz: customer", "", "2026-01-16T07:00-05:00"),
    ],
)
def test_w5_in_the_zone_named_or_the_customers_or_the_policies(
    form: str, zone: str | None, due: str
) -> None:
    party = waiting(f"{{time: '09:00', {form}}}", "2026-01-15T14:00Z", zone=zone)
    assert party.due() == due


def test_w5_a_zone_is_known_for_as_long_as_its_trait_is_valid() -> None:
    told = "[ProfileChanged.timezone]"
    week = bent(CUSTOMER, told, f"{told}, valid: 7d", COMPANY)
    traits = {"timezone": Written(NEW_YORK, 0, "e1")}
    day = 24 * 3_600_000
    found = [
        str(profile.zone_of(compiled(files), traits, at))
        for files, at in ((week, 7 * day), (week, 7 * day + 1), (COMPANY, 70 * day), (FILES, 0))
    ]
    assert found == [NEW_YORK, "America/Sao_Paulo", NEW_YORK, "UTC"]


def born(at: str, born: str, since: str = "2026-01-15T12:00Z") -> Party:
    party = Party(plan_of(at))
    party.happens("2026-01-01T12:00Z", "ProfileChanged", birth_date=born)
    party.starts(since)
    return party


@pytest.mark.parametrize(
    ("birth", "since", "more", "due"),
    [
        ("1990-06-01", "2026-01-15T12:00Z", "", "2026-06-01T09:00-04:00"),
        ("1990-01-15", "2026-01-15T13:59Z", "", "2026-01-15T09:00-05:00"),
        ("1990-01-15", "2026-01-15T14:00Z", "", "2027-01-15T09:00-05:00"),
        ("2004-02-29", "2026-01-15T12:00Z", "", "2026-02-28T09:00-05:00"),
        ("2004-02-29", "2028-01-15T12:00Z", "", "2028-02-29T09:00-05:00"),
        ("1990-01-03", "2026-06-15T12:00Z", ", days: -7", "2026-12-27T09:00-05:00"),
        ("1990-12-30", "2026-01-02T12:00Z", ", days: 7", "2026-01-06T09:00-05:00"),
        ("1990-06-06", "2026-01-15T12:00Z", ", only: workdays", "2026-06-08T09:00-04:00"),
        ("2030-06-01", "2026-01-15T12:00Z", "", "2030-06-01T09:00-04:00"),
    ],
)
def test_w2_yearly_is_the_next_anniversary(birth: str, since: str, more: str, due: str) -> None:
    form = f"{{date: customer.birth_date, yearly: true, time: '09:00'{more}}}"
    assert born(form, birth, since).due() == due


def test_w3_spread_is_the_same_for_a_customer_whenever_it_is_asked() -> None:
    form = "{time: '09:00', spread: 30m}"
    first = waiting(form, "2026-01-15T08:00-05:00")
    [due] = first.dues
    nine = ms("2026-01-15T09:00-05:00")
    offset = due - nine
    assert offset == calendar.offset_within(30 * 60_000, "anna", "contract")
    day = 24 * 3_600_000
    # Past nine, and before this customer's own time, it is still today's.
    begun = dt.datetime.fromtimestamp((due - 1) / 1000, dt.UTC).isoformat()
    assert waiting(form, begun).dues == [due]
    begun = dt.datetime.fromtimestamp(due / 1000, dt.UTC).isoformat()
    assert waiting(form, begun).dues == [due + day]


def test_w2_the_trace_says_when_and_from_what() -> None:
    party = waiting("{date: instance.ends_on, days: -30, time: '09:00', if_past: run}")
    told = sentences(party.decisions[-1], party.plan)
    assert (
        "contract: the wait of 'at date instance.ends_on days -30 time 09:00 if_past run' was"
        " reckoned: 2027-06-15T09:00:00-04:00 (instance.ends_on = '2027-07-15')." in told
    )


def test_a_text_that_is_no_date_is_not_told_since_it_may_be_personal() -> None:
    party = waiting("{date: instance.ends_on, if_past: run}", ends_on="12/03/1980")
    assert party.errors == ["instance.ends_on: is no date"]


@pytest.mark.parametrize(
    "form",
    [
        "{months: 1200, days: 36500, workdays: 1000}",
        "{date: instance.ends_on, months: -1200, if_past: run}",
        "{date: instance.ends_on, yearly: true, months: 1200}",
        "{date: instance.ends_on, yearly: true, months: -1200, days: -36500}",
        "{date: instance.ends_on, months: 1200, if_past: skip, only: sun, spread: 5w}",
    ],
)
@pytest.mark.parametrize("ends_on", ["0001-01-01", "9999-12-31", "9999-12-31T23:59-12:00", "x", ""])
@pytest.mark.parametrize("zone", ["Pacific/Apia", "Etc/GMT+12"])
def test_law6_no_date_is_too_far_or_too_wrong(form: str, ends_on: str, zone: str) -> None:
    party = waiting(form, ends_on=ends_on, zone=zone)
    party.until("2026-02-15T12:00Z")
    assert len(party.decisions) == 3
