"""The plan's hash over the whole language: it is that of the meaning."""

import pytest

from journey_engine.define.compiler import compile_plan
from journey_engine.run.zones import load_zones
from tests.define.definitions import CART, CHANNELS, FILES, POLICIES, SCHEMAS

PATTERN = "{sequence: [OrderPlaced, CartUpdated], within: 1d, since: entry, to: end}"
AT = "{at: {days: 2, time: '09:00', only: workdays, calendar: bank, spread: 30m}, to: end}"
SUPPRESSED = "on_suppressed: {CAP_REACHED: end, EXPIRED: {to: engaged}, else: continue}"
SCORE = "score: {value: 120.0}, cancel_on: leave, theme: cart"
SEND = f"{{id: offer, content: offer, channels: [email], {SCORE}, {SUPPRESSED}}}"
TASK = "{id: call, channel: callcenter, team: desk, ack_within: 4h, replaces: other}"
OTHER = "{id: other, channel: callcenter, team: desk}"
JOURNEY = """version: 3
milestones: {seen: {on: ProductViewed, scope: customer}}
holds: {themes: [loud], then: defer, at_most: 21d}"""
STAGE = f"""  engaged:
    macro_stage: retention
    rank: 7
    on_enter:
      - send: {SEND}
      - task: {OTHER}
    transitions:
      - {PATTERN}
      - {AT}
      - {{on: TaskUnacked, do: [{{task: {TASK}}}]}}
      - {{on: milestone, to: fork}}
  fork:
    macro_stage: retention
    choose: [{{when: 'milestones.seen', to: end}}, {{to: nudged}}]
"""
POLICY = """purposes:
  marketing: {consent: opt_in, quiet: defer, obeys: [day], counts: [day], arbitrate: true}
  service: {consent: opt_out, quiet: skip, teams: [care]}
  transactional: {consent: none, quiet: ignore}
caps: {day: {max: 2, calendar: day, channels: [email]}}
quiet_hours: [{start: "22:00", end: "08:00", days: [sun]}]
arbitration: {purpose: marketing, slots: ["10:00"], losers: defer}
holdouts: [{id: h, share: 5%, purposes: [marketing], until: 2026-12-31}]
themes: {conflicts: [[loud, quiet]], within: 7d}
timezone: America/Sao_Paulo
calendars: {bank: {closed: [2026-12-25]}}
"""
WHOLE = {
    **FILES,
    POLICIES: POLICY,
    CHANNELS: FILES[CHANNELS].replace("hold: 10m", "hold: 10m, capacity: 40 per 1h"),
    CART: FILES[CART].partition("  engaged:")[0].replace("version: 3", JOURNEY) + STAGE,
}
ZONES = load_zones()


def hash_of(file: str = CART, old: str = "", new: str = "") -> str:
    assert old in WHOLE[file]
    return compile_plan({**WHOLE, file: WHOLE[file].replace(old, new, 1)}, SCHEMAS, ZONES).hash


HASH = hash_of()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (CART, "within: 1d, since: entry", "within: 2d, since: entry"),
        (CART, ", since: entry", ""),
        (CART, "[OrderPlaced, CartUpdated]", "[CartUpdated, OrderPlaced]"),
        (CART, "days: 2", "workdays: 2"),
        (CART, "spread: 30m", "spread: 31m"),
        (CART, "only: workdays", "only: weekends"),
        (CART, "'09:00'", "'09:01'"),
        (CART, "CAP_REACHED: end", "CAP_REACHED: {to: engaged}"),
        (CART, "else: continue", "else: end"),
        (CART, "value: 120.0", "lever: 120.0"),
        (CART, "cancel_on: leave", "cancel_on: never"),
        (CART, "theme: cart", "theme: basket"),
        (CART, "ack_within: 4h", "ack_within: 5h"),
        (CART, ", replaces: other", ""),
        (CART, ", scope: customer}}", ", when: 'true', scope: customer}}"),
        (CART, "at_most: 21d", "at_most: 22d"),
        (CART, "then: defer", "then: drop"),
        (CART, "rank: 7", "rank: 8"),
        (CART, "when: 'milestones.seen'", "when: '!milestones.seen'"),
        (CHANNELS, "40 per 1h", "41 per 1h"),
        (CHANNELS, "40 per 1h", "40 per 2h"),
        (POLICIES, "max: 2", "max: 3"),
        (POLICIES, "calendar: day", "calendar: week"),
        (POLICIES, ", channels: [email]", ""),
        (POLICIES, "quiet: defer", "quiet: skip"),
        (POLICIES, "counts: [day], arb", "counts: [day], teams: [lifecycle-team], arb"),
        (POLICIES, '"22:00"', '"21:00"'),
        (POLICIES, ", days: [sun]", ""),
        (POLICIES, '["10:00"]', '["10:00", "18:00"]'),
        (POLICIES, "losers: defer", "winners: 2, losers: defer"),
        (POLICIES, ", losers: defer", ""),
        (POLICIES, "share: 5%", "share: 5.01%"),
        (POLICIES, ", until: 2026-12-31", ""),
        (POLICIES, "[loud, quiet]", "[loud, quiet, calm]"),
        (POLICIES, "America/Sao_Paulo", "America/Bahia"),
        (POLICIES, "closed: [2026-12-25]", "closed: []"),
    ],
)
def test_another_meaning_is_another_plan(file: str, old: str, new: str) -> None:
    assert hash_of(file, old, new) != HASH


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (CART, "[OrderPlaced, CartUpdated]", "[{on: OrderPlaced}, {on: [CartUpdated]}]"),
        (CART, "only: workdays", "only: [workdays], yearly: false"),
        (CART, ", else: continue", ", QUIET_HOURS: continue"),
        (CART, "CAP_REACHED: end", "CAP_REACHED: {to: end}"),
        (CART, "value: 120.0", "value: '120.0'"),
        (CART, "on: ProductViewed, scope: customer", "scope: customer, on: [ProductViewed]"),
        (CHANNELS, "40 per 1h", "{per: 60m, max: 40}"),
        (POLICIES, "closed:", "week: [mon, tue, wed, thu, fri], closed:"),
        (POLICIES, ", losers: defer", ", losers: defer, winners: 1, score: pcvl"),
        (POLICIES, "arbitration: {purpose: marketing, ", "arbitration:\n  - {purpose: marketing, "),
        (POLICIES, "share: 5%", "share: 5.00%"),
        (POLICIES, "within: 7d", "within: 1w"),
        (POLICIES, "timezone:", "owner: centre\ntimezone:"),
    ],
)
def test_other_words_are_no_other_plan(file: str, old: str, new: str) -> None:
    assert hash_of(file, old, new) == HASH
