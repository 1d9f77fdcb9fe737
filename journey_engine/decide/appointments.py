"""Waits on the calendar: when each is due (rules W2 to W5).

A wait is reckoned when it begins (its stage is entered, or `reset_on`), and again whenever the
customer's zone or what its date reads changes, from when it began; not when it fired already in
this visit. It may have no time: its date is null or wrong, past and to be skipped, or beyond the
calendar. Then it is `idle`, and gets its time when one of these changes.

A time that is not after the moment of reckoning is past. Then the wait is due at that moment, and
`Timer.start` is that moment too, which tells an exit from a wait that has come to its time.
"""

import datetime as dt
from typing import Final

from journey_engine.decide import calendar, profile
from journey_engine.decide.draft import Draft
from journey_engine.decide.live import Live
from journey_engine.decide.scope import View
from journey_engine.decide.state import Timer
from journey_engine.decide.trace import Step
from journey_engine.define.calendar_plan import AtPlan, IfPast
from journey_engine.define.expression import EvaluationError, Value, Warming
from journey_engine.define.plan import TIMEZONE, TransitionPlan

_YEARS_MAX: Final = 400
"""How far from its moment an anniversary is looked for."""
_NO_DATE: Final = "no date"
_NO_DAY: Final = "no such day"


def reckon(
    draft: Draft, live: Live, wait: TransitionPlan, view: View, start: int, at: int
) -> Timer | None:
    """The timer of a wait that began at `start`, reckoned at `at`; None where it has no time."""
    rule = wait.at
    if rule is None:
        return None
    moment = view.moment
    zone = rule.zone or profile.zone_of(moment.plan, moment.traits, moment.at)
    offset = _offset(draft, live, rule)
    timer, outcome = None, _NO_DATE
    base = _base(draft, live, rule, view, start, zone)
    if base is not None:
        due = _due(rule, base, at - offset, zone)
        outcome = _NO_DAY
        if due is not None:
            timer = _timer(rule, due + offset, wait.index, start, at)
            outcome = _told(timer, zone)
    reads = {} if rule.date is None else rule.date.reads
    draft.out.trace.append(Step("wait", live.journey, live.key, wait.text, outcome, reads, view))
    return timer


def is_exit(wait: TransitionPlan, timer: Timer) -> bool:
    """Whether the timer that fires says that the date was past, which ends the instance (W4)."""
    rule = wait.at
    return rule is not None and rule.if_past is IfPast.EXIT and timer.due == timer.start


def depends(wait: TransitionPlan, traits: frozenset[str], *, features: bool) -> bool:
    """Whether the time of a wait depends on one of the traits, or on features that changed."""
    rule = wait.at
    if rule is None:
        return False
    if rule.zone is None and TIMEZONE in traits:
        return True
    return bool(rule.reads("customer") & traits) or (features and bool(rule.reads("features")))


def _timer(rule: AtPlan, due: int, index: int, start: int, at: int) -> Timer | None:
    if due > at:
        return Timer(due, index, start)
    if rule.if_past is IfPast.SKIP:
        return None
    return Timer(at, index, at)


def _told(timer: Timer | None, zone: dt.tzinfo) -> str:
    if timer is None:
        return "past"
    return calendar.local(timer.due, zone).isoformat(timespec="seconds")


def _offset(draft: Draft, live: Live, rule: AtPlan) -> int:
    """Where in the width of `spread` this customer stands: always the same in a journey (W3)."""
    if rule.spread == 0:
        return 0
    customer = draft.who
    return calendar.offset_within(rule.spread, customer, live.journey)


def _base(
    draft: Draft, live: Live, rule: AtPlan, view: View, start: int, zone: dt.tzinfo
) -> dt.datetime | None:
    """What the wall clock shows at the date, else at the start; None where no date is known."""
    if rule.date is None:
        return calendar.local(start, zone)
    try:
        return _wall(rule.date.evaluate(view), zone)
    except (EvaluationError, Warming) as error:
        why = str(error)
    except (TypeError, ValueError, OverflowError):
        why = "is no date"  # the error's own text tells the value, which may be personal
    draft.out.guard_errors.append((live.journey, f"{rule.date.text}: {why}"))
    return None


def _wall(value: Value, zone: dt.tzinfo) -> dt.datetime | None:
    """A timestamp's own day and time; a text's as written, in the zone where it has an offset.

    Raises:
        TypeError, ValueError, OverflowError: the value is no date.
    """
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return calendar.local(value, zone)
    if not isinstance(value, str):
        raise TypeError("neither text nor a timestamp")
    written = dt.datetime.fromisoformat(value)
    return written if written.tzinfo is None else written.astimezone(zone)


def _due(rule: AtPlan, base: dt.datetime, after: int, zone: dt.tzinfo) -> int | None:
    """When it is due, without `spread`; the next time is one after `after`."""
    time = calendar.time_of_day(base) if rule.time is None else rule.time
    if not rule.moves:
        return calendar.next_time(after, time, zone, rule.only)
    if rule.yearly:
        return _anniversary(rule, base.date(), time, after, zone)
    return _moved(rule, base.date(), time, zone)


def _moved(rule: AtPlan, day: dt.date, time: int, zone: dt.tzinfo) -> int | None:
    """From the day so many months, days and workdays, then on to a day that is allowed (W2)."""
    try:
        day = calendar.add_days(calendar.add_months(day, rule.months), rule.days)
        day = calendar.add_workdays(day, rule.workdays, rule.work)
    except OverflowError:
        return None
    return calendar.first_time(day, time, zone, rule.only)


def _anniversary(rule: AtPlan, born: dt.date, time: int, after: int, zone: dt.tzinfo) -> int | None:
    """The first anniversary, moved as the rule says, that is after `after`; none before the date
    itself.
    """
    year = max(born.year, calendar.local_day(after, zone).year)
    for _ in range(_YEARS_MAX):
        before = None if year == born.year else _in_year(rule, born, year - 1, time, zone)
        if before is None or before <= after:
            break
        year -= 1
    for _ in range(_YEARS_MAX):
        found = _in_year(rule, born, year, time, zone)
        if found is None or found > after:
            return found
        year += 1
    return None


def _in_year(rule: AtPlan, born: dt.date, year: int, time: int, zone: dt.tzinfo) -> int | None:
    try:
        return _moved(rule, calendar.in_year(born, year), time, zone)
    except OverflowError:
        return None
