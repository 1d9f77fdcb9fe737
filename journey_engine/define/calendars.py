"""The calendars and zones of policies.yaml, and the `at` of transitions (rules W2 to W5)."""

import datetime as dt
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from journey_engine.define.calendar_form import CUSTOMER, WEEKDAYS, AtForm
from journey_engine.define.calendar_plan import EVERY_WEEKDAY, WORKDAYS, AtPlan, Days, IfPast, Zones
from journey_engine.define.central import PoliciesDocument
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import TIMEZONE

_DATES: Final = frozenset({"string", "timestamp"})
_BARE_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_QUOTED: Final = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")


@dataclass(frozen=True, slots=True, eq=False)
class Calendars:
    """`zone` is the policies', `by_name` the days that each calendar has open; `own_zone` says
    whether a customer's zone can be known.
    """

    zones: Zones
    zone: dt.tzinfo
    by_name: Mapping[str, Days]
    own_zone: bool


def compile_calendars(
    document: PoliciesDocument, place: Place, zones: Zones, traits: Mapping[str, str]
) -> Calendars:
    """What policies.yaml says of time; `traits` are those of customer.yaml, by kind."""
    zone: dt.tzinfo | None = dt.UTC
    if document.timezone is not None:
        zone = find_zone(document.timezone, zones, place.at("timezone"))
    days = {
        name: Days(
            frozenset(WEEKDAYS.index(day) for day in form.week),
            frozenset(dt.date.fromisoformat(day) for day in form.closed),
        )
        for name, form in sorted(document.calendars.items())
    }
    return Calendars(zones, zone or dt.UTC, days, traits.get(TIMEZONE) == "string")


def find_zone(name: str, zones: Zones, place: Place) -> dt.tzinfo | None:
    """The zone of that IANA name; None where there is none, as `place` was told."""
    zone = zones.by_name.get(name)
    if zone is None:
        message = f"there is no time zone `{name}`"
        place.error("UNKNOWN_ZONE", message, suggestion(name, [*zones.by_name, CUSTOMER]))
    return zone


class Waits:
    """Compiles the `at` of one journey's transitions."""

    def __init__(self, calendars: Calendars, names: Names, expressions: Expressions) -> None:
        self._calendars = calendars
        self._names = names
        self._expressions = expressions

    def compile(self, form: AtForm, place: Place) -> AtPlan:
        """The wait at `place`; it is whole only if no error was reported."""
        calendar = self._calendar(form, place)
        return AtPlan(
            date=self._date(form, place.at("date")),
            months=form.months or 0,
            days=form.days or 0,
            workdays=form.workdays or 0,
            work=WORKDAYS if calendar is None else calendar,
            moves=form.moves,
            time=form.time,
            zone=self._zone(form, place.at("tz")),
            only=_only(form, place, calendar),
            if_past=IfPast(form.if_past or IfPast.RUN),
            spread=form.spread or 0,
            yearly=form.yearly,
        )

    def _calendar(self, form: AtForm, place: Place) -> Days | None:
        known = self._calendars.by_name
        if form.calendar is None or form.calendar in known:
            return known.get(form.calendar or "")
        message = f"policies.yaml knows no calendar `{form.calendar}`"
        place.at("calendar").error("UNKNOWN_CALENDAR", message, suggestion(form.calendar, known))
        return None

    def _zone(self, form: AtForm, place: Place) -> dt.tzinfo | None:
        if form.tz is None:
            return None
        if form.tz != CUSTOMER:
            return find_zone(form.tz, self._calendars.zones, place)
        if not self._calendars.own_zone:
            message = "nothing tells a customer's zone"
            hint = f"declare the trait `{TIMEZONE}` in customer.yaml, text such as Europe/Lisbon"
            place.error("NO_ZONE_TRAIT", message, hint)
        return None

    def _date(self, form: AtForm, place: Place) -> Expression | None:
        """The date's expression. It reads no event: it is asked again when none is there."""
        if form.date is None:
            return None
        date = self._expressions.compile(place, form.date, self._names)
        if date is None:
            return None
        if date.kind not in _DATES:
            hint = "text such as 2027-07-15, or a time"
            if _BARE_DATE.fullmatch(form.date):
                hint = f"as text it is written \"'{form.date}'\""
            place.error("AT_DATE_KIND", f"a date is text or a timestamp, this is {date.kind}", hint)
        written = _QUOTED.fullmatch(form.date.strip())
        if written is not None and not _is_date(written[1] or written[2] or ""):
            hint = "write 2027-03-01, or a time such as 2027-03-01T09:00Z"
            place.error("BAD_DATE", "not a date", hint)
        return date


def check_waits(document: JourneyDocument, place: Place, calendars: Calendars) -> None:
    """Report what an `at` says and cannot have. It is not for kept versions, which cannot be
    changed any more: there it is passed over.
    """
    for name, stage in document.stages.items():
        for index, transition in enumerate(stage.transitions):
            if transition.at is not None:
                at = place.at("stages", name, "transitions", index, "at")
                _check_zone(document, transition.at, at.at("tz"))
                _check_days(transition.at, at.at("only"), calendars)


def _check_zone(document: JourneyDocument, form: AtForm, place: Place) -> None:
    if document.of_account and form.tz == CUSTOMER:
        message = "an account has no zone of its own"
        hint = "name a zone, or leave `tz` out: then it is that of policies.yaml"
        place.error("SUBJECT_CONFLICT", message, hint)


def _check_days(form: AtForm, place: Place, calendars: Calendars) -> None:
    """Where none of the days is left, that was reported."""
    calendar, names = calendars.by_name.get(form.calendar or ""), form.only or []
    week = EVERY_WEEKDAY if calendar is None else calendar.weekdays
    outside = [n for n in names if n in WEEKDAYS and WEEKDAYS.index(n) not in week]
    for name in outside if len(outside) < len(names) else ():
        message = f"the calendar `{form.calendar}` has no `{name}` in its `week`"
        hint = "drop it, or say `weekends`: the days outside the week"
        place.at(names.index(name)).error("NO_DAY_LEFT", message, hint)


def _only(form: AtForm, place: Place, calendar: Days | None) -> Days | None:
    """The days on which the wait may end; None where nothing is said of them.

    `workdays` and `weekends` are those of the calendar's week, weekdays must be in it (which
    `check_waits` reports).
    """
    if form.only is None:
        return calendar
    week = WORKDAYS.weekdays if calendar is None else calendar.weekdays
    weekdays = frozenset(day for name in form.only for day in _weekdays(name, week, calendar))
    if not weekdays:
        message = f"the calendar `{form.calendar}` leaves no day of `only`"
        place.at("only").error("NO_DAY_LEFT", message, "name days of its `week`")
    return Days(weekdays, frozenset() if calendar is None else calendar.closed)


def _weekdays(name: str, week: frozenset[int], calendar: Days | None) -> Collection[int]:
    if name == "workdays":
        return week
    if name == "weekends":
        return EVERY_WEEKDAY - week
    day = WEEKDAYS.index(name)
    return () if calendar is not None and day not in week else (day,)


def _is_date(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
