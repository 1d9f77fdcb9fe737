"""Local time: days, months, weeks, windows and the next time of day (rules W2, W3, C3, C4).

Pure functions over a zone's rules. Instants are milliseconds since the epoch; a time of day is
milliseconds since midnight by the wall clock, so 09:00 is 32,400,000 on every day of the year.

Theory of operation. All reckoning is done on local days, with the rules that hold on the day that
is reckoned. A day and a time become an instant at the very end (`instant_of`): where the clock is
put forward over that time, it is the first instant after; where the time comes twice, the first.
What leaves the years 1 to 9999 has no instant: None.
"""

import datetime as dt
from calendar import monthrange
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from journey_engine.define.calendar_plan import EVERY_WEEKDAY, Days

DAY_MS: Final = 86_400_000
SEARCH_DAYS_MAX: Final = 4_000
"""How far ahead a day is looked for; no calendar of bounded length leaves it empty."""

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND: Final = dt.timedelta(milliseconds=1)
_DAY: Final = dt.timedelta(days=1)
_MIDNIGHT: Final = dt.time()
_MONTHS: Final = 12
_FIRST: Final = -62_135_424_000_000
"""0001-01-03, and below 9999-12-29: between them no zone leaves the years 1 to 9999."""
_LAST: Final = 253_402_041_600_000


def local(instant: int, zone: dt.tzinfo) -> dt.datetime:
    """The wall clock at an instant."""
    within = min(max(instant, _FIRST), _LAST)
    return (_EPOCH + within * _MILLISECOND).astimezone(zone)


def local_day(instant: int, zone: dt.tzinfo) -> dt.date:
    """The local day in which the instant lies."""
    return local(instant, zone).date()


def time_of_day(wall: dt.datetime) -> int:
    """The milliseconds since midnight that a wall clock shows."""
    seconds = (wall.hour * 60 + wall.minute) * 60 + wall.second
    return seconds * 1000 + wall.microsecond // 1000


def instant_of(day: dt.date, time: int, zone: dt.tzinfo, *, last: bool = False) -> int:
    """When it is `time` on that local day (rule W3), `last`: for the last time."""
    first, second = _instants(day, time, zone)
    return second if last else first


def local_day_start(instant: int, zone: dt.tzinfo) -> int:
    """The first instant of the local day in which the instant lies."""
    return instant_of(local_day(instant, zone), 0, zone)


def local_week_start(instant: int, zone: dt.tzinfo) -> int:
    """The first instant of the local week, which begins on Monday."""
    day = local_day(instant, zone)
    return instant_of(day - day.weekday() * _DAY, 0, zone)


def local_month_start(instant: int, zone: dt.tzinfo) -> int:
    """The first instant of the local month."""
    return instant_of(local_day(instant, zone).replace(day=1), 0, zone)


def window_end(
    instant: int, start: int, end: int, zone: dt.tzinfo, weekdays: frozenset[int] = EVERY_WEEKDAY
) -> int | None:
    """When the daily window `[start, end)` is over in which the instant lies; None outside it.

    Times of day, by the wall clock. A window over midnight (`end` before `start`) belongs to its
    start day, which must be one of `weekdays` (rule C4). `start` equal to `end` is no window.
    """
    wall = local(instant, zone)
    if not _inside(wall, start, end, weekdays):
        return None
    try:
        day = wall.date() if time_of_day(wall) < end else wall.date() + _DAY
    except OverflowError:
        return None
    first, over = _instants(day, end, zone)
    if over <= instant:
        return None
    after = local(over, zone)
    ends = [first, over]
    if wall.utcoffset() != after.utcoffset():
        ends.append(_change(zone, instant, over))
    elif first == over and not _inside(after, start, end, weekdays):
        return over  # as on all but two days of a year
    found = [
        one for one in ends if one > instant and not _inside(local(one, zone), start, end, weekdays)
    ]
    # None where the zone leaves out the day on which it would be over.
    return min(found) if found else window_end(over, start, end, zone, weekdays)


def next_opening(
    instant: int, start: int, end: int, zone: dt.tzinfo, weekdays: frozenset[int] = EVERY_WEEKDAY
) -> int:
    """The instant, or the end of the window `[start, end)` in which it lies, as `window_end`."""
    over = window_end(instant, start, end, zone, weekdays)
    return instant if over is None else over


def next_time(after: int, time: int, zone: dt.tzinfo, only: Days | None = None) -> int | None:
    """The next such time of day strictly after an instant, on a day that `only` allows."""
    return first_time(local_day(after, zone), time, zone, only, after)


def first_time(
    day: dt.date, time: int, zone: dt.tzinfo, only: Days | None = None, after: int | None = None
) -> int | None:
    """The time on that day or the first after it that `only` allows, and strictly after `after`."""
    for _ in range(SEARCH_DAYS_MAX):
        found = _on(day, time, zone, only)
        if found is not None and (after is None or found > after):
            return found
        try:
            day += _DAY
        except OverflowError:
            return None
    return None


def add_months(day: dt.date, months: int) -> dt.date:
    """The same day of another month, the month's last where it has no such day.

    Raises:
        OverflowError: it leaves the years 1 to 9999.
    """
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise OverflowError("no such year")
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_days(day: dt.date, days: int) -> dt.date:
    """So many days on, or back. Raises `OverflowError` as `add_months` does."""
    return day + days * _DAY


def add_workdays(day: dt.date, count: int, work: Days) -> dt.date:
    """The day that is so many workdays on, or back; with 0 the day itself, workday or not.

    Raises:
        OverflowError: it leaves the years 1 to 9999, or no workday is near.
    """
    step = _DAY if count > 0 else -_DAY
    left, idle = abs(count), 0
    while left:
        day += step
        if allows(work, day):
            left, idle = left - 1, 0
        elif idle == SEARCH_DAYS_MAX:
            raise OverflowError("no workday")
        else:
            idle += 1
    return day


def in_year(day: dt.date, year: int) -> dt.date:
    """The day's anniversary in a year; that of 29 Feb is 28 Feb where the year has no 29th."""
    return add_months(day, (year - day.year) * _MONTHS)


def allows(days: Days, day: dt.date) -> bool:
    """Whether the day is one of them."""
    return day.weekday() in days.weekdays and day not in days.closed


def offset_within(width: int, *names: str) -> int:
    """A number from 0 to below `width` that is always the same for these names (`spread`, W3)."""
    digest = blake2b("\0".join(names).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % width


def _on(day: dt.date, time: int, zone: dt.tzinfo, only: Days | None) -> int | None:
    """The time on that day, if `only` allows it. Where the clock is put forward over that time
    and the rest of the day, it would lie on another: then the day is not allowed.
    """
    if only is None:
        return instant_of(day, time, zone)
    if not allows(only, day):
        return None
    found = instant_of(day, time, zone)
    return found if local_day(found, zone) == day else None


def _inside(wall: dt.datetime, start: int, end: int, weekdays: frozenset[int]) -> bool:
    time, today = time_of_day(wall), wall.weekday()
    if start <= end:
        return start <= time < end and today in weekdays
    if time >= start:
        return today in weekdays
    return time < end and (today - 1) % 7 in weekdays


@lru_cache(maxsize=4096)
def _instants(day: dt.date, time: int, zone: dt.tzinfo) -> tuple[int, int]:
    """When it is `time` on that local day (rule W3), for the first time and for the last: the same
    for all customers of a zone.
    """
    wall = dt.datetime.combine(day, _MIDNIGHT) + time * _MILLISECOND
    first, second = _reading(wall, zone, 0), _reading(wall, zone, 1)
    if first > second:  # the clock never shows it
        first = second = _change(zone, second, first)
    return first, second


def _reading(wall: dt.datetime, zone: dt.tzinfo, fold: int) -> int:
    """The instant at which the clock shows this, by the rules before (0) or after a change (1)."""
    return (wall.replace(tzinfo=zone, fold=fold) - _EPOCH) // _MILLISECOND


def _offset(instant: int, zone: dt.tzinfo) -> dt.timedelta | None:
    return local(instant, zone).utcoffset()


def _change(zone: dt.tzinfo, low: int, high: int) -> int:
    """The first instant above `low`, up to `high`, at which the zone's offset is another."""
    before = _offset(low, zone)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle, zone) == before:
            low = middle
        else:
            high = middle
    return high
