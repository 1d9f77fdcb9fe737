"""A team may change only what it owns (table F)."""

import pytest

from journey_engine.define.ownership import crossings
from journey_engine.define.topics import parse_topics
from tests.define.definitions import (
    CART,
    CHANNELS,
    CUSTOMER,
    FILES,
    MARK,
    bent,
    errors_of,
    marked,
)

TOPICS = "topologies/topics.yaml"
TESTS = "topologies/journeys/cart.test.yaml"
LIFE, MAIL, CENTRE = "lifecycle-team", "mail-team", "centre"
BEFORE = {
    **FILES,
    TOPICS: "partitions: 4\ninputs: {web: {}}\ncommands: {email: {}}\n",
    TESTS: "tests: [{name: a, steps: []}]\n",
}
NUDGED = FILES[CART][FILES[CART].index("  nudged:") : FILES[CART].index("  engaged:")]


def changed(
    file: str, old: str, new: str, team: str
) -> tuple[list[tuple[str, tuple[str, int, int]]], tuple[str, int, int] | None]:
    """What the change crosses, and where the mark in it stands."""
    after, place = bent(file, old, new, BEFORE), None
    if MARK in new:
        after, place = marked(file, after)
    found = crossings(BEFORE, after, team)
    return [(each.code, (each.file, each.line, each.column)) for each in found], place


OURS = [
    (CART, "priority: 70", "priority: 71", LIFE),
    (CART, "after: 4h", "after: 5h", LIFE),
    (CART, "owner: lifecycle-team", "owner: other-team", LIFE),
    (CART, "    owner: mail-team\n", "    owner: other-team\n", MAIL),
    (CART, "    owner: mail-team\n", "", MAIL),
    (CART, "after: 2d, to: end}", "after: 3d, to: end}", MAIL),
    (CART, NUDGED, "", MAIL),
    (CART, "  waiting:\n", "  waiting:\n    owner: mail-team\n", LIFE),
    (CHANNELS, "hold: 10m", "hold: 20m", "mail"),
    (CHANNELS, "  push:", "  sms: {topic: t, owner: new, actions: [send]}\n  push:", "new"),
    (CUSTOMER, "valid: 7d", "valid: 8d", CENTRE),
    (TOPICS, "partitions: 4", "partitions: 8", "platform"),
    (TESTS, "name: a", "name: b", LIFE),
    (TESTS, "name: a", "name: b", MAIL),
    (CART, "priority: 70", "# Why\npriority:   70", "nobody"),
    (CART, "version: 3\nowner: lifecycle-team", "owner: lifecycle-team\nversion: 3", "nobody"),
]


@pytest.mark.parametrize(("file", "old", "new", "team"), OURS)
def test_the_owner_changes_what_is_its_own(file: str, old: str, new: str, team: str) -> None:
    assert changed(file, old, new, team) == ([], None)


THEIRS = [
    ("NOT_OWNER", CART, "priority: 70", "priority: «71", MAIL),
    ("NOT_OWNER", CART, "priority: 70", "priority: «true", MAIL),
    ("NOT_OWNER", CART, "priority: 70\n", "priority: 70\n«max_live: 3\n", MAIL),
    ("NOT_OWNER", CART, "after: 4h", "after: «5h", MAIL),
    ("NOT_OWNER", CART, "after: 2d, to: end}", "after: «3d, to: end}", LIFE),
    ("NOT_OWNER", CART, "      - {after: 2d, to: end}\n", "", LIFE),
    ("NOT_OWNER", CART, NUDGED, "", LIFE),
    ("NOT_OWNER", CART, "  nudged:\n", "  nudged_again:\n", LIFE),
    ("OWNER_TAKEN", CART, "owner: lifecycle-team", "owner: «mail-team", MAIL),
    ("OWNER_TAKEN", CART, "owner: mail-team", "owner: «lifecycle-team", LIFE),
    ("OWNER_TAKEN", CART, "  waiting:\n", "  waiting:\n    «owner: mail-team\n", MAIL),
    ("NOT_OWNER", CHANNELS, "hold: 10m", "hold: «20m", "app"),
    ("OWNER_TAKEN", CHANNELS, "owner: mail", "owner: «app", "app"),
    ("NOT_OWNER", CHANNELS, "  push:", "  «s: {owner: new, actions: [send]}\n  push:", "app"),
    ("NOT_OWNER", CUSTOMER, "valid: 7d", "valid: «8d", LIFE),
    ("OWNER_TAKEN", CUSTOMER, "traits:", "«owner: lifecycle-team\ntraits:", LIFE),
    ("NOT_OWNER", TOPICS, "partitions: 4", "partitions: «8", CENTRE),
    ("NOT_OWNER", TESTS, "name: a", "name: «b", CENTRE),
]


@pytest.mark.parametrize(("code", "file", "old", "new", "team"), THEIRS)
def test_what_is_anothers_is_told_at_its_place(
    code: str, file: str, old: str, new: str, team: str
) -> None:
    found, place = changed(file, old, new, team)

    assert code in [each for each, _ in found]
    assert place is None or place in [where for _, where in found]


def test_a_finding_names_what_was_done_and_whom_to_ask() -> None:
    (told,) = crossings(BEFORE, bent(CART, "priority: 70", "priority: 71", BEFORE), MAIL)

    assert str(told) == (
        f"{CART}:8:11: error[NOT_OWNER]: `mail-team` changes `priority`, which belongs to "
        "`lifecycle-team`\n  hint: only its owner may: ask `lifecycle-team` to make this change"
    )
    assert told.path == "priority"


@pytest.mark.parametrize(("team", "told"), [(LIFE, []), (MAIL, ["NOT_OWNER"])])
def test_a_journey_comes_and_goes_with_its_owner(team: str, told: list[str]) -> None:
    without = {path: text for path, text in BEFORE.items() if path not in (CART, TESTS)}

    assert [each.code for each in crossings(without, {**without, CART: FILES[CART]}, team)] == told
    assert [each.code for each in crossings({**without, CART: FILES[CART]}, without, team)] == told


def test_a_file_of_the_company_may_name_its_owner() -> None:
    before = {**BEFORE, CUSTOMER: "owner: data-team\n" + FILES[CUSTOMER]}
    after = bent(CUSTOMER, "valid: 7d", "valid: 8d", before)

    assert crossings(before, after, "data-team") == []
    assert [each.code for each in crossings(before, after, CENTRE)] == ["NOT_OWNER"]


def test_every_item_that_differs_in_lists_as_long_is_told() -> None:
    after = bent(CART, "{on: MessageClicked,", "{on: MessageOpened,", BEFORE)
    after = bent(CART, "{after: 2d, to: end}", "{after: 9d, to: end}", after)

    assert [each.path for each in crossings(BEFORE, after, LIFE)] == [
        "stages.nudged.transitions.0.on",
        "stages.nudged.transitions.1.after",
    ]


def test_what_is_no_yaml_now_is_the_compilers_part() -> None:
    assert crossings(BEFORE, {**BEFORE, CART: "a: ["}, MAIL) == []


def test_the_buckets_of_an_experiment_belong_to_those_who_split_by_it() -> None:
    lock = "topologies/experiments.lock.yaml"
    arms = "{experiment: offer, unit: customer, arms: {a: {share: 50%}, b: {share: 50%}}}"
    ours = bent(CART, "  nudged:\n", f"  nudged:\n    split: {arms}\n", BEFORE)
    drawn = {**ours, lock: "experiments:\n  offer: {a: 0-4999, b: 5000-9999}\n"}
    moved = bent(lock, "a: 0-4999, b: 5000", "a: 0-3999, b: 4000", drawn)

    def told(before: dict[str, str], after: dict[str, str], team: str) -> list[str]:
        return [each.path for each in crossings(before, after, team)]

    assert told(ours, drawn, MAIL) == []
    assert told(ours, drawn, LIFE) == ["experiments.offer"]
    assert told(drawn, moved, MAIL) == []
    assert told(drawn, moved, CENTRE) == ["experiments.offer.a", "experiments.offer.b"]
    assert told(drawn, ours, LIFE) == ["experiments.offer"]
    gone = {**BEFORE, lock: drawn[lock]}
    assert told(gone, BEFORE, CENTRE) == []
    assert told(gone, BEFORE, MAIL) == ["experiments.offer"]


def test_every_file_of_the_company_may_say_whose_it_is() -> None:
    owned = {
        path: text if path == CART else f"owner: data-team\n{text}" for path, text in FILES.items()
    }

    assert errors_of(owned) == []
    assert parse_topics(TOPICS, "owner: infra\n" + BEFORE[TOPICS]).partitions == 4
