"""One wrong definition of contact policy for each code; the mark stands where it is expected."""

from tests.define.definitions import CART, POLICIES
from tests.define.error_cases import Case

_PURPOSES = """\
  marketing: {consent: opt_in}
  service: {consent: opt_out}
  transactional: {consent: none}
"""
_FULL = """\
  marketing:
    consent: opt_in
    quiet: defer
    obeys: [day]
    counts: [day]
    arbitrate: true
  service: {consent: opt_out, quiet: skip}
  transactional: {consent: none, quiet: ignore}
caps:
  day: {max: 1, calendar: day}
quiet_hours:
  - {start: "22:00", end: "08:00"}
arbitration: {purpose: marketing, slots: ["10:00", "18:00"]}
holdouts:
  - {id: global, share: 5%, purposes: [marketing], until: 2026-12-31}
themes: {conflicts: [[price-rise, discount]], within: 7d}
"""


def _policy(code: str, old: str, new: str) -> Case:
    assert old in _FULL, old
    return Case(code, POLICIES, _PURPOSES, _FULL.replace(old, new, 1))


def _journey(code: str, new: str) -> Case:
    return Case(code, CART, "abandon: {after: 30d}", f"abandon: {{after: 30d}}\n{new}")


def _send(code: str, new: str) -> Case:
    return Case(code, CART, "theme: cart", f"theme: cart\n          {new}")


_THEMES = "themes: {conflicts: [[price-rise, discount]], within: 7d}"
_DAY = "day: {max: 1, calendar: day}"
_SLOTS = '{purpose: marketing, slots: ["10:00", "18:00"]}'
_QUIET = '{start: "22:00", end: "08:00"}'
POLICY_CASES = [
    _policy("CAP_PERIOD", _DAY, "day: «{max: 1}"),
    _policy("CAP_PERIOD", _DAY, "day: «{max: 1, calendar: day, rolling: 7d}"),
    _policy("BAD_VALUE", _DAY, "day: {max: «0, calendar: day}"),
    _policy("BAD_VALUE", _DAY, "day: {max: «257, calendar: day}"),
    _policy("UNKNOWN_CHANNEL", _DAY, "day: {max: 1, calendar: day, channels: [email, «mail]}"),
    _policy("UNKNOWN_CAP", "obeys: [day]", "obeys: [day, «dya]"),
    _policy("CAP_UNUSED", _DAY, f"{_DAY}\n  «week: {{max: 1, rolling: 7d}}"),
    _policy("QUIET_EMPTY", _QUIET, '«{start: "22:00", end: "22:00"}'),
    _policy(
        "QUIET_UNSAID", "service: {consent: opt_out, quiet: skip}", "«service: {consent: opt_out}"
    ),
    _policy("BAD_TIME", _QUIET, '{start: «"24:00", end: "08:00"}'),
    _policy("BAD_TIME", '["10:00"', '[«"10:0"'),
    _policy("UNKNOWN_PURPOSE", _QUIET, _QUIET[:-1] + ", purposes: [«sales]}"),
    _policy("UNKNOWN_CHANNEL", _QUIET, _QUIET[:-1] + ", channels: [«mail]}"),
    _policy("SLOTS_OR_COLLECT", _SLOTS, "«{purpose: marketing}"),
    _policy("SLOTS_OR_COLLECT", _SLOTS, '«{purpose: marketing, slots: ["10:00"], collect: 30m}'),
    _policy("UNKNOWN_PURPOSE", _SLOTS, "{purpose: «sales, collect: 30m}"),
    _policy("ARBITRATION_PURPOSE", _SLOTS, "{purpose: «service, collect: 30m}"),
    _policy(
        "ARBITRATION_PURPOSE",
        _SLOTS,
        "[{purpose: marketing, collect: 30m}, {purpose: «marketing, collect: 1h}]",
    ),
    _policy("SLOT_IN_QUIET_HOURS", _SLOTS, '{purpose: marketing, slots: ["10:00", «"07:59"]}'),
    _policy("SLOT_IN_QUIET_HOURS", _SLOTS, '{purpose: marketing, slots: [«"22:00"]}'),
    _policy("BAD_SHARE", "5%", "«5"),
    _policy("BAD_SHARE", "5%", "«100.01%"),
    _policy("BAD_DATE", "2026-12-31", "«2026-12-32"),
    _policy("UNKNOWN_PURPOSE", "purposes: [marketing]", "purposes: [marketing, «sales]"),
    _policy("TRANSACTIONAL", "purposes: [marketing]", "purposes: [«transactional]"),
    _policy(
        "REPEATED_HOLDOUT",
        "until: 2026-12-31}",
        "until: 2026-12-31}\n  - {id: «global, share: 1%, purposes: [service]}",
    ),
    _policy("REPEATED_THEME", "[price-rise, discount]", "«[discount, discount]"),
    _policy("THEMES_WITHIN", _THEMES, "themes: «{conflicts: [[price-rise, discount]]}"),
    _policy("THEMES_WITHIN", _THEMES, "themes: «{names: [cart], within: 7d}"),
    _policy(
        "UNKNOWN_THEME",
        _THEMES,
        "themes: {names: [cart, discount], conflicts: [[«price-rise, discount]], within: 7d}",
    ),
    _journey("UNKNOWN_THEME", "holds: {themes: [cart, «carts], then: drop, at_most: 1d}"),
    _journey("HOLDS_NOTHING", "holds: «{then: drop, at_most: 1d}"),
    _journey("MISSING_KEY", "«holds: {purposes: [service], then: drop}"),
    _journey("UNKNOWN_PURPOSE", "holds: {purposes: [«sales], then: drop, at_most: 1d}"),
    _journey("TRANSACTIONAL", "holds: {purposes: [«transactional], then: drop, at_most: 1d}"),
    _journey("UNKNOWN_JOURNEY", "holds: {journeys: [«card], then: drop, at_most: 1d}"),
    _journey("HOLDS_ITSELF", "holds: {journeys: [«cart], then: drop, at_most: 1d}"),
    _send("SCORE_UNUSED", "«score: {value: 12.0}"),
    _send("BAD_VALUE", "score: «12.0"),
    _send("BAD_ON_SUPPRESSED", "on_suppressed: «stop"),
    _send("BAD_ON_SUPPRESSED", "on_suppressed: «{HOLDOUT: end}"),
    _send("BAD_ON_SUPPRESSED", "on_suppressed: «{CAP_REACHED: stop}"),
    _send("BAD_ON_SUPPRESSED", "on_suppressed: «{CAP_REACHED: [end]}"),
    _send("UNKNOWN_STAGE", "on_suppressed: «{to: nowhere}"),
    Case(
        "ON_SUPPRESSED_LEAVING",
        CART,
        "{after: 2d, to: end}",
        "{after: 2d, to: end, do: [{send: {id: x, content: x, channels: [email], "
        "«on_suppressed: end}}]}",
    ),
]
