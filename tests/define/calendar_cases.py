"""One wrong wait on the calendar for each code of an error, as in `error_cases`."""

from tests.define.definitions import CART, POLICIES
from tests.define.error_cases import WAIT, Case

NONE = "transactional: {consent: none}"


def at(text: str) -> Case:
    """The code before the first blank, then what stands in `at`."""
    code, _, form = text.partition(" ")
    return Case(code, CART, WAIT, f"{{at: {form}, to: nudged}}")


CALENDAR_CASES = [
    at("AT_EMPTY «{tz: customer}"),
    at("AT_EMPTY «{only: workdays, spread: 30m}"),
    at("BAD_TIME {time: «'9:00'}"),
    at("BAD_TIME {time: «'24:00'}"),
    at("BAD_TIME {time: «900}"),
    at("BAD_DURATION {time: '09:00', spread: «1 hour}"),
    at("BAD_VALUE {time: '09:00', only: «mondays}"),
    at("BAD_VALUE {time: '09:00', only: [mon, «monday]}"),
    at("BAD_VALUE {days: «one}"),
    at("BAD_VALUE {months: «1201}"),
    at("BAD_VALUE {date: now, if_past: «later}"),
    at("UNKNOWN_KEY {days: 1, «hour: 9}"),
    at("IF_PAST_MISSING «{date: now}"),
    at("IF_PAST_OF_NEXT «{time: '09:00', if_past: run}"),
    at("YEARLY_WITHOUT_DATE «{time: '09:00', yearly: true}"),
    at("UNKNOWN_ZONE {time: '09:00', tz: «Europe/Lisbn}"),
    at("UNKNOWN_ZONE {time: '09:00', tz: «custmer}"),
    at("NO_ZONE_TRAIT {time: '09:00', tz: «customer}"),
    at("UNKNOWN_CALENDAR {time: '09:00', calendar: «bank}"),
    at("AT_DATE_KIND {date: «instance.total, if_past: run}"),
    at("AT_DATE_KIND {date: «2027-07-15, if_past: run}"),
    at("BAD_DATE {date: «\"'2027-02-30'\", if_past: run}"),
    at("UNKNOWN_FIELD {date: instance.«ends_on, if_past: run}"),
    at("UNKNOWN_FIELD {date: «event.occurred_at, if_past: run}"),
    Case("TRIGGER_CONFLICT", CART, WAIT, "«{after: 4h, at: {days: 1}, to: nudged}"),
    Case("NOT_A_WAIT", CART, WAIT, "«{at: {days: 1}, since: reminder, to: nudged}"),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        WAIT,
        "{at: {days: 1}, to: nudged}\n      - «{at: {days: 1}, to: end}",
    ),
    Case("UNKNOWN_ZONE", POLICIES, NONE, NONE + "\ntimezone: «Mars/Olympus"),
    Case("BAD_VALUE", POLICIES, NONE, NONE + "\ncalendars: {bank: {week: [«monday]}}"),
    Case("BAD_DATE", POLICIES, NONE, NONE + "\ncalendars: {bank: {closed: [«2026-13-01]}}"),
    Case("BAD_NAME", POLICIES, NONE, NONE + "\ncalendars: {«bank br: {}}"),
]
