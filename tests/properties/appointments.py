"""Calendar waits of the naive interpreter: day by day, minute by minute (rules W2 to W5)."""

from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tests.properties.memory import millis

Document = dict[str, Any]
_WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MINUTE = timedelta(minutes=1)


def zone_of(*names: Any) -> ZoneInfo:
    """The first of them that is a zone: never none (rule W5)."""
    for name in names:
        try:
            return ZoneInfo(name)
        except (TypeError, ValueError, OSError, ZoneInfoNotFoundError):
            continue
    return ZoneInfo("UTC")


def clock(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def instant(day: date, at: time, zone: ZoneInfo) -> int:
    """When the clock first shows it; where it never does, the next minute that it shows (W3)."""
    wall = datetime.combine(day, at)
    while True:
        there = wall.replace(tzinfo=zone)
        if there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall:
            return int(there.timestamp() * 1000)
        wall += _MINUTE


def spread(rule: Document, *names: str) -> int:
    """Rule W3: an offset below `spread`, for ever the same; which one is nobody's business."""
    if "spread" not in rule:
        return 0
    digest = sha256("/".join(names).encode()).digest()
    return int(digest[:8].hex(), 16) % millis(rule["spread"])


def due(rule: Document, value: Any, start: int, now: int, own: ZoneInfo, days: Document) -> Any:
    """When the wait ends that began at `start`, asked `now`; None: never. It may lie in the past.

    `value` is that of `date`, `days` the calendars of the company.
    """
    zone = own if rule.get("tz", "customer") == "customer" else zone_of(rule["tz"])
    calendar = days.get(rule.get("calendar", ""))
    wall = clock(start, zone)
    if "date" in rule:
        if value is None:
            return None
        wall = _written(value, zone)
    at = time.fromisoformat(rule["time"]) if "time" in rule else wall.time()
    if not rule.keys() & {"date", "months", "days", "workdays"}:
        day = clock(now, zone).date()
        while not _allowed(day, at, rule, zone, calendar) or instant(day, at, zone) <= now:
            day += timedelta(days=1)
        return instant(day, at, zone)
    if not rule.get("yearly"):
        return _moved(wall.date(), at, rule, zone, calendar)
    year = wall.year
    while (found := _moved(_anniversary(wall.date(), year), at, rule, zone, calendar)) <= now:
        year += 1
    return found


def _written(value: Any, zone: ZoneInfo) -> datetime:
    if isinstance(value, int):
        return clock(value, zone)
    written = datetime.fromisoformat(value)
    return written if written.tzinfo is None else written.astimezone(zone)


def _anniversary(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def _moved(day: date, at: time, rule: Document, zone: ZoneInfo, calendar: Document | None) -> int:
    """Months, clamped; then days; then workdays; then on to a day that fits (rule W2)."""
    months = day.year * 12 + day.month - 1 + rule.get("months", 0)
    last = (date((months + 1) // 12, (months + 1) % 12 + 1, 1) - timedelta(days=1)).day
    day = date(months // 12, months % 12 + 1, min(day.day, last))
    day += timedelta(days=rule.get("days", 0))
    left = rule.get("workdays", 0)
    while left:
        day += timedelta(days=1 if left > 0 else -1)
        if _works(day, calendar):
            left -= 1 if left > 0 else -1
    while not _allowed(day, at, rule, zone, calendar):
        day += timedelta(days=1)
    return instant(day, at, zone)


def _works(day: date, calendar: Document | None) -> bool:
    told = calendar or {}
    week = told.get("week", _WEEK[:5])
    return _WEEK[day.weekday()] in week and day.isoformat() not in told.get("closed", [])


def _allowed(
    day: date, at: time, rule: Document, zone: ZoneInfo, calendar: Document | None
) -> bool:
    """Rule W2: `only` and `calendar` both, and of the day that the clock then shows."""
    shown = clock(instant(day, at, zone), zone).date()
    return _fits(day, rule, calendar) and _fits(shown, rule, calendar)


def _fits(day: date, rule: Document, calendar: Document | None) -> bool:
    if calendar is not None and day.isoformat() in calendar.get("closed", []):
        return False
    only = rule.get("only")
    if only is None:
        return calendar is None or _works(day, calendar)
    week = (calendar or {}).get("week", _WEEK[:5])
    names = [only] if isinstance(only, str) else only
    name = _WEEK[day.weekday()]
    return (
        name in names
        or ("workdays" in names and name in week)
        or ("weekends" in names and name not in week)
    )
