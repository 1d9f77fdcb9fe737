"""Rules W2, W3, C3 and C4: local time over the zones' rules."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide import calendar
from journey_engine.define.calendar_plan import WORKDAYS, Days
from journey_engine.run.zones import load_zones

ZONES = load_zones().by_name
NEW_YORK, APIA = ZONES["America/New_York"], ZONES["Pacific/Apia"]
MINUTE, HOUR = 60_000, 3_600_000
DAY = 24 * HOUR
PLACES = [
    "America/New_York",
    "Europe/Lisbon",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Nuuk",
    "Asia/Jakarta",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Casablanca",
    "Europe/Dublin",
]
FROM, UNTIL = 1_230_768_000_000, 2_208_988_800_000
"""2009 to 2040: Apia's lost day, and years for which only the rule at a zone's end speaks."""

zones = st.sampled_from(PLACES).map(ZONES.__getitem__)
times = st.integers(0, 24 * 60 - 1).map(lambda minute: minute * MINUTE)
changes = [
    "2011-12-30T10:00Z",
    "2018-11-04T03:00Z",
    "2024-03-31T01:00Z",
    "2026-03-08T07:00Z",
    "2026-03-29T01:00Z",
    "2026-11-01T06:00Z",
    "2026-10-25T01:00Z",
    "2039-11-06T06:00Z",
]
weekdays = st.frozensets(st.integers(0, 6), min_size=1)


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


instants = st.one_of(
    st.integers(FROM, UNTIL),
    st.builds(
        lambda change, hours: ms(change) + hours * HOUR // 4,
        st.sampled_from(changes),
        st.integers(-200, 200),
    ),
)


def at(hours: int, minutes: int = 0) -> int:
    return (hours * 60 + minutes) * MINUTE


def told(instant: int | None, zone: dt.tzinfo) -> str:
    assert instant is not None
    return calendar.local(instant, zone).isoformat(timespec="minutes")


def clock(instant: int, zone: dt.tzinfo) -> int:
    return calendar.time_of_day(calendar.local(instant, zone))


@pytest.mark.parametrize(
    ("zone", "after", "time", "found"),
    [
        # products: rivals fire an hour early or late over these nights
        ("America/New_York", "2026-10-31T20:00-04:00", at(9), "2026-11-01T09:00-05:00"),
        ("America/New_York", "2026-03-07T20:00-05:00", at(9), "2026-03-08T09:00-04:00"),
        # a gap: the first valid instant after
        ("America/New_York", "2026-03-08T00:00-05:00", at(2, 30), "2026-03-08T03:00-04:00"),
        ("Europe/Lisbon", "2026-03-29T00:00+00:00", at(1, 30), "2026-03-29T02:00+01:00"),
        ("America/Sao_Paulo", "2018-11-03T20:00-03:00", at(0, 30), "2018-11-04T01:00-02:00"),
        ("Pacific/Apia", "2011-12-29T12:00-10:00", at(9), "2011-12-31T00:00+14:00"),
        # a fold: the first occurrence, and once
        ("America/New_York", "2026-11-01T00:00-04:00", at(1, 30), "2026-11-01T01:30-04:00"),
        ("America/New_York", "2026-11-01T01:30-04:00", at(1, 30), "2026-11-02T01:30-05:00"),
        ("America/New_York", "2026-11-01T01:00-05:00", at(1, 30), "2026-11-02T01:30-05:00"),
        # no change ever
        ("Asia/Jakarta", "2026-03-08T00:00+07:00", at(2, 30), "2026-03-08T02:30+07:00"),
        ("Asia/Kolkata", "2026-03-08T02:30+05:30", at(2, 30), "2026-03-09T02:30+05:30"),
        # beyond the years that are tabled
        ("America/New_York", "2050-03-12T20:00Z", at(9), "2050-03-13T09:00-04:00"),
    ],
)
def test_w3_the_next_such_time_is_local(zone: str, after: str, time: int, found: str) -> None:
    assert told(calendar.next_time(ms(after), time, ZONES[zone]), ZONES[zone]) == found


def test_w3_weekdays_are_local() -> None:
    los_angeles = ZONES["America/Los_Angeles"]
    friday = calendar.next_time(ms("2026-01-09T10:00-08:00"), at(18), los_angeles, WORKDAYS)
    assert told(friday, los_angeles) == "2026-01-09T18:00-08:00"
    assert friday is not None
    monday = calendar.next_time(friday, at(18), los_angeles, WORKDAYS)
    assert told(monday, los_angeles) == "2026-01-12T18:00-08:00"


def test_w2_closed_days_are_passed_over() -> None:
    bank = Days(WORKDAYS.weekdays, frozenset({dt.date(2026, 12, 25), dt.date(2026, 12, 28)}))
    found = calendar.first_time(dt.date(2026, 12, 25), at(9), NEW_YORK, bank)
    assert told(found, NEW_YORK) == "2026-12-29T09:00-05:00"


def test_w3_a_day_that_a_zone_left_out_is_none_of_those_allowed() -> None:
    fridays = Days(frozenset({4}))
    found = calendar.first_time(dt.date(2011, 12, 30), at(9), APIA, fridays)
    assert told(found, APIA) == "2012-01-06T09:00+14:00"


def test_a_calendar_that_is_always_closed_is_not_searched_for_ever() -> None:
    never = Days(frozenset())
    assert calendar.next_time(0, 0, NEW_YORK, never) is None
    with pytest.raises(OverflowError, match="no workday"):
        calendar.add_workdays(dt.date(2026, 1, 1), 1, never)


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -13, "2024-12-15"),
    ],
)
def test_w2_months_end_with_their_last_day(day: str, months: int, found: str) -> None:
    assert calendar.add_months(dt.date.fromisoformat(day), months).isoformat() == found


def test_w3_the_anniversary_of_29_feb_is_28_feb_and_in_leap_years_itself() -> None:
    born = dt.date(2004, 2, 29)
    assert [calendar.in_year(born, year).isoformat() for year in (2026, 2028)] == [
        "2026-02-28",
        "2028-02-29",
    ]


@pytest.mark.parametrize(
    ("day", "count", "found"),
    [
        ("2026-01-09", 3, "2026-01-14"),  # Friday
        ("2026-01-10", 1, "2026-01-12"),  # Saturday
        ("2026-01-12", -1, "2026-01-09"),
        ("2026-01-10", 0, "2026-01-10"),
    ],
)
def test_w2_workdays_are_counted_from_the_next(day: str, count: int, found: str) -> None:
    assert calendar.add_workdays(dt.date.fromisoformat(day), count, WORKDAYS).isoformat() == found


@pytest.mark.parametrize("step", [calendar.add_days, calendar.add_months])
def test_what_leaves_the_calendar_says_so(step: object) -> None:
    assert callable(step)
    with pytest.raises(OverflowError):
        step(dt.date(9999, 12, 31), 1)
    with pytest.raises(OverflowError):
        step(dt.date(1, 1, 1), -1)


@pytest.mark.parametrize("instant", [-(10**18), 253_402_300_799_999, 10**18])
def test_no_instant_is_too_far_for_a_day(instant: int) -> None:
    day = calendar.local_day_start(instant, APIA)
    assert calendar.local_month_start(instant, APIA) <= day
    assert calendar.next_opening(instant, at(22), at(8), APIA) >= instant


def test_c3_a_day_begins_when_its_clock_does() -> None:
    sao_paulo = ZONES["America/Sao_Paulo"]
    noon = ms("2018-11-04T12:00-02:00")
    assert told(calendar.local_day_start(noon, sao_paulo), sao_paulo) == "2018-11-04T01:00-02:00"
    sunday = ms("2026-03-08T12:00-04:00")
    assert told(calendar.local_day_start(sunday, NEW_YORK), NEW_YORK) == "2026-03-08T00:00-05:00"
    assert told(calendar.local_week_start(sunday, NEW_YORK), NEW_YORK) == "2026-03-02T00:00-05:00"
    assert told(calendar.local_month_start(sunday, NEW_YORK), NEW_YORK) == "2026-03-01T00:00-05:00"


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-07-06T21:59-04:00", None),
        ("2026-07-06T22:00-04:00", "2026-07-07T08:00-04:00"),
        ("2026-07-07T07:59-04:00", "2026-07-07T08:00-04:00"),
        ("2026-07-07T08:00-04:00", None),
        ("2026-10-31T23:00-04:00", "2026-11-01T08:00-05:00"),
        ("2026-03-07T23:00-05:00", "2026-03-08T08:00-04:00"),
    ],
)
def test_c4_a_window_includes_its_start_and_not_its_end(now: str, end: str | None) -> None:
    found = calendar.window_end(ms(now), at(22), at(8), NEW_YORK)
    assert (None if found is None else told(found, NEW_YORK)) == end


def test_c4_a_window_over_midnight_belongs_to_its_start_day() -> None:
    monday = frozenset({0})
    inside = [
        calendar.window_end(ms(now), at(21), at(9), NEW_YORK, monday) is not None
        for now in (
            "2026-07-06T08:00-04:00",
            "2026-07-06T21:00-04:00",
            "2026-07-07T08:59-04:00",
            "2026-07-07T21:00-04:00",
        )
    ]
    assert inside == [False, True, True, False]


def test_c4_a_window_that_ends_on_a_day_left_out_goes_on() -> None:
    evening = ms("2011-12-29T23:00-10:00")
    assert told(calendar.window_end(evening, at(22), at(8), APIA), APIA) == "2011-12-31T08:00+14:00"


@given(instants, times, times, zones, weekdays)
def test_law_an_opening_is_the_first_minute_at_which_the_clock_shows_no_window(
    now: int, start: int, end: int, zone: dt.tzinfo, days: frozenset[int]
) -> None:
    now -= now % MINUTE

    def quiet(instant: int) -> bool:
        shown = dt.datetime.fromtimestamp(instant / 1000, zone)
        minute = (shown.hour * 60 + shown.minute) * MINUTE
        if start <= end:
            return start <= minute < end and shown.weekday() in days
        begun = shown if minute >= start else shown - dt.timedelta(days=1)
        return (minute >= start or minute < end) and begun.weekday() in days

    naive = now
    while quiet(naive):
        naive += MINUTE
    assert calendar.next_opening(now, start, end, zone, days) == naive


@given(instants, times, zones, st.none() | st.builds(Days, weekdays))
def test_law_the_next_time_is_after_now_at_its_time_on_a_day_allowed(
    now: int, time: int, zone: dt.tzinfo, only: Days | None
) -> None:
    found = calendar.next_time(now, time, zone, only)
    assert found is not None
    assert found > now
    if clock(found, zone) != time:
        before = calendar.local(found - 1, zone).replace(tzinfo=None)
        after = calendar.local(found, zone).replace(tzinfo=None)
        assert after - before > dt.timedelta(milliseconds=1), "only a gap moves it"
        assert before < _shown(before, time) < after or before < _shown(after, time) < after
    if only is not None:
        assert calendar.allows(only, calendar.local_day(found, zone))


def _shown(day: dt.datetime, time: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(milliseconds=time)


@given(instants, st.integers(0, 40 * 24 * 4), times, zones, st.none() | st.builds(Days, weekdays))
def test_law_the_next_time_never_goes_back(
    now: int, quarters: int, time: int, zone: dt.tzinfo, only: Days | None
) -> None:
    first = calendar.next_time(now, time, zone, only)
    later = calendar.next_time(now + quarters * HOUR // 4, time, zone, only)
    assert first is not None
    assert later is not None
    assert first <= later


@given(st.text(), st.integers(1, DAY))
def test_w3_spread_is_always_the_same_and_within_its_width(name: str, width: int) -> None:
    offset = calendar.offset_within(width, name, "renewal")
    assert offset == calendar.offset_within(width, name, "renewal")
    assert 0 <= offset < width


def test_w3_spread_spreads() -> None:
    found = [calendar.offset_within(30, f"c{n}") for n in range(3_000)]
    assert sorted(set(found)) == list(range(30))
    assert max(found.count(n) for n in range(30)) < 200
