"""What the centre says, no key of a journey's file loosens (table F)."""

import pytest

from tests.define.definitions import CART, POLICIES, bent, errors_of

SEND = "content: cart-reminder"
ATTEMPTS = [
    ("purpose: marketing", "purpose: marketing\nconsent: none"),
    ("purpose: marketing", "purpose: marketing\npurposes: {marketing: {consent: none}}"),
    ("purpose: marketing", "purpose: marketing\ncaps: {day: {max: 99, calendar: day}}"),
    ("purpose: marketing", "purpose: marketing\nquiet_hours: {from: '00:00', to: '00:01'}"),
    ("purpose: marketing", "purpose: marketing\nholdouts: []"),
    ("purpose: marketing", "purpose: marketing\nthemes: {conflicts: []}"),
    ("purpose: marketing", "purpose: marketing\narbitration: {winners: 9}"),
    ("purpose: marketing", "purpose: marketing\ncalendars: {}"),
    ("purpose: marketing", "purpose: marketing\nchannels: {email: {hold: 1s}}"),
    ("purpose: marketing", "purpose: marketing\ntraits: {first_name: {from: [OrderPlaced.city]}}"),
    ("purpose: marketing", "purpose: marketing\nreachable: {push: {set: CartUpdated}}"),
    ("purpose: marketing", "purpose: marketing\nlifecycle: {purchase: {owner: us}}"),
    (SEND, SEND + "\n          purpose: transactional"),
    (SEND, SEND + "\n          consent: none"),
    (SEND, SEND + "\n          caps: []"),
    (SEND, SEND + "\n          obeys: []"),
    (SEND, SEND + "\n          counts: []"),
    (SEND, SEND + "\n          quiet: ignore"),
    (SEND, SEND + "\n          hold: 1s"),
    (SEND, SEND + "\n          capacity: 99 per 1s"),
    (SEND, SEND + "\n          holdout: false"),
    (SEND, SEND + "\n          arbitrate: false"),
    (SEND, SEND + "\n          priority: 1001"),
    (SEND, SEND + "\n          priority: -1"),
    ("priority: 70", "priority: 1001"),
    ("purpose: marketing", "purpose: mine"),
    ("channels: [preferred, email, push]", "channels: [mine]"),
    ("channels: [preferred, email, push]", "channels: [callcenter]"),
    ("{after: 30d}", "{after: 30d}\nmax_live: 129"),
    ("macro_stage: retention", "macro_stage: mine"),
]
REFUSALS = {
    "UNKNOWN_KEY",
    "BAD_VALUE",
    "UNKNOWN_PURPOSE",
    "UNKNOWN_CHANNEL",
    "CHANNEL_ACTION",
    "UNKNOWN_MACRO_STAGE",
}


@pytest.mark.parametrize(("old", "new"), ATTEMPTS, ids=[new[-40:] for _, new in ATTEMPTS])
def test_a_journey_that_tries_is_refused(old: str, new: str) -> None:
    found = errors_of(bent(CART, old, new))

    assert len(found) == 1
    assert found[0].code in REFUSALS


def test_a_feature_of_a_journey_cannot_stand_for_a_shared_one() -> None:
    new = "features:\n  spend_90d: {count: OrderPlaced}\n"

    assert [e.code for e in errors_of(bent(CART, "features:\n", new))] == ["REPEATED_FEATURE"]


@pytest.mark.parametrize(
    ("teams", "told"), [("care-team, lifecycle-team", []), ("care-team", ["PURPOSE_NOT_YOURS"])]
)
def test_a_purpose_may_be_kept_to_some_teams(teams: str, told: list[str]) -> None:
    files = bent(POLICIES, "{consent: none}", f"{{consent: none, teams: [{teams}]}}")
    found = errors_of(bent(CART, "purpose: marketing", "purpose: transactional", files))

    assert [error.code for error in found] == told
    assert [(error.line, error.column) for error in found] == [(7, 10)] * len(told)
    assert errors_of(files) == []
