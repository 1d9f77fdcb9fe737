"""V1 as files: versions of a journey kept beside the one that is entered, and `migrate`."""

import pytest

from journey_engine.define.codes import CODES
from journey_engine.define.migration_plan import Fate, Move
from tests.define.definitions import CART, CUSTOMER, FILES, MARK, bent, compiled, errors_of, marked

KEPT = "topologies/journeys/cart@2.yaml"
MIGRATE = """version: 3
migrate:
  from: 2
  stages:
    waiting: nudged
    nudged: {to: nudged, waits: recompute, on_enter: run}
    engaged: finish"""


def kept(*bends: tuple[str, str]) -> dict[str, str]:
    """The files, and `cart` as it was in version 2, with other texts in it."""
    older = bent(CART, "version: 3", "version: 2")
    for old, new in bends:
        older = bent(CART, old, new, older)
    return {**FILES, KEPT: older[CART]}


def migrating(old: str = "", new: str = "") -> dict[str, str]:
    files = bent(CART, "version: 3", MIGRATE, kept())
    return bent(CART, old, new, files)


def test_a_kept_version_is_compiled_beside_the_newest() -> None:
    plan = compiled(kept(("after: 4h", "after: 6h")))
    older = plan.kept["cart", 2]

    assert older.stages["waiting"].transitions[0].after == 6 * 3_600_000
    assert [one.version for one in plan.journeys] == [3]
    assert plan.run_by("cart", 2) is older
    assert plan.run_by("cart", 3) is plan.run_by("cart", 1) is plan.by_name["cart"]


def test_what_only_a_kept_version_reads_is_read() -> None:
    click = "{on: MessageClicked, when: \"event.send == 'reminder'\", to: engaged}"
    plan = compiled(bent(CART, click, "{on: ProductViewed, scope: customer, to: engaged}", kept()))

    (asked,) = plan.readings["MessageClicked"].asked
    assert asked.journey.version == 3
    assert asked.kept[2].journey.version == 2


def test_the_hash_is_another_with_a_kept_version_and_with_each_word_of_it() -> None:
    files = [FILES, kept(), kept(("after: 4h", "after: 6h"))]

    assert len({compiled(each).hash for each in files}) == len(files)


def test_the_exits_of_a_kept_version_are_not_read() -> None:
    exits = "  - {on: CartEmptied, switch_to: gone}"

    plan = compiled(kept(("  - {on: CartEmptied, reason: emptied}", exits)))

    assert not plan.kept["cart", 2].exits


def test_a_file_that_keeps_the_version_entered_says_the_same_or_is_refused() -> None:
    same = {**FILES, "topologies/journeys/cart@3.yaml": FILES[CART]}
    other = bent(CART, "after: 4h", "after: 6h")
    other = {**FILES, "topologies/journeys/cart@3.yaml": other[CART]}

    assert compiled(same).hash == compiled().hash
    assert [(e.code, e.file) for e in errors_of(other)] == [
        ("VERSION_CONTENT", "topologies/journeys/cart@3.yaml")
    ]


def test_a_kept_version_stands_by_a_journey_with_the_same_key() -> None:
    alone = {path: text for path, text in kept().items() if path != CART}
    renamed = {**FILES, "topologies/journeys/cart@7.yaml": kept()[KEPT]}

    assert [e.code for e in errors_of(alone)] == ["KEPT_ALONE"]
    assert [e.code for e in errors_of(kept(("key: event.cart_id", "key: event.channel")))] == [
        "VERSION_KEY"
    ]
    assert [e.code for e in errors_of(renamed)] == ["FILE_NAME"]


@pytest.mark.parametrize("name", ["cart@x", "@3", "cart@", "cart@03"])
def test_a_kept_file_is_called_by_journey_and_version(name: str) -> None:
    files = {**FILES, f"topologies/journeys/{name}.yaml": FILES[CART]}

    assert [(e.code, e.hint) for e in errors_of(files)] == [("FILE_NAME", "name it cart@3.yaml")]


def test_what_is_wrong_in_a_kept_version_is_reported_there() -> None:
    (error,) = errors_of(kept(("event.total > 50.0", "event.tota > 50.0")))

    assert (error.code, error.file) == ("UNKNOWN_FIELD", KEPT)


def test_the_lint_is_for_the_version_that_is_entered() -> None:
    wait = "{after: 4h, reset_on: CartUpdated, to: nudged}"

    assert ("cart", 2) in compiled(kept((wait, "{after: 40d, to: nudged}"))).kept


def test_migrate_says_what_becomes_of_each_stage() -> None:
    journey = compiled(migrating()).by_name["cart"]

    assert journey.migrate == {
        2: {
            "waiting": Move(Fate.MOVE, "nudged"),
            "nudged": Move(Fate.MOVE, "nudged", recompute=True, enter=True),
            "engaged": Move(Fate.FINISH),
        }
    }
    assert compiled(migrating("engaged: finish", "engaged: exit")).by_name["cart"].migrate[2][
        "engaged"
    ] == Move(Fate.EXIT)


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("MIGRATE_VERSION", "from: 2", "from: «3"),
        ("MIGRATE_VERSION", "from: 2", "from: [2, «3]"),
        ("MIGRATE_STAGE", "  stages:\n    waiting: nudged\n", "  «stages:\n"),
        ("UNKNOWN_STAGE", "    engaged: finish", "    engaged: finish\n    «lost: exit"),
        ("UNKNOWN_STAGE", "waiting: nudged", "waiting: «lost"),
        ("BAD_VALUE", "waits: recompute", "waits: «sometimes"),
    ],
)
def test_migrate_is_refused(code: str, old: str, new: str) -> None:
    files, place = marked(CART, migrating(old, new))

    assert code in CODES
    assert [(e.code, (e.file, e.line, e.column)) for e in errors_of(files)] == [(code, place)]
    assert MARK not in files[CART]


def test_who_is_moved_enters_without_an_event() -> None:
    nudges = ("{after: 4h, reset_on: CartUpdated, to: nudged}", "{on: CartUpdated, to: nudged}")
    reading = bent(CART, "browsing: features.views_1h", "cart: event.cart_id", migrating(*nudges))

    assert [(e.code, e.path) for e in errors_of(reading)] == [
        ("UNKNOWN_FIELD", "stages.nudged.on_enter.0.send.data.cart")
    ]
    assert errors_of(bent(CART, "on_enter: run", "on_enter: skip", reading)) == []


def test_what_migrate_takes_over_is_deleted_when_nobody_is_left_on_it() -> None:
    kept_as_well = migrating("from: 2", "from: [1, 2]")
    without = {path: text for path, text in kept_as_well.items() if path != KEPT}
    newer = bent(CART, "version: 3", "version: 4")[CART]
    later = {**without, "topologies/journeys/cart@3.yaml": without[CART], CART: newer}

    assert sorted(compiled(kept_as_well).by_name["cart"].migrate) == [1, 2]
    assert sorted(compiled(without).by_name["cart"].migrate) == [1, 2]
    assert sorted(compiled(later).kept["cart", 3].migrate) == [1, 2]


def test_a_version_that_is_not_kept_may_have_had_any_stage() -> None:
    files = migrating("from: 2", "from: [1, 2]")

    assert not errors_of(bent(CART, "engaged: finish", "engaged: finish\n    lost: exit", files))
    without = {path: text for path, text in files.items() if path != KEPT}
    assert [e.code for e in errors_of(bent(CART, "waiting: nudged", "waiting: lost", without))] == [
        "UNKNOWN_STAGE"
    ]


def test_a_guard_may_ask_for_a_send_of_a_version_that_is_kept_or_was() -> None:
    former = bent(CART, "id: reminder", "id: former", kept(("id: reminder", "id: former")))
    former = bent(CART, "event.send == 'reminder'", "event.send == 'former'", former)
    asks = bent(CART, "id: former", "id: reminder", former)
    deleted = {path: text for path, text in asks.items() if path != KEPT}
    later = {**deleted, CART: bent(CART, "version: 3", "version: 4")[CART]}
    later["topologies/journeys/cart@3.yaml"] = deleted[CART]

    assert not errors_of(asks)
    assert [e.code for e in errors_of(deleted)] == ["GUARD_NEVER_TRUE"]
    assert not errors_of(bent(CART, "version: 3", MIGRATE, deleted))
    assert not errors_of(later)


def test_a_feature_is_promoted_while_versions_are_kept_that_have_their_own() -> None:
    files = bent(CUSTOMER, "features:", "features:\n  views_1h: {count: ProductViewed}", kept())
    promoted = bent(CART, "features:\n  views_1h: {count: ProductViewed, within: 1h}\n", "", files)

    plan = compiled(promoted)

    assert plan.by_name["cart"].features["views_1h"].within is None
    assert plan.kept["cart", 2].features["views_1h"].within == 3_600_000
    assert [(e.code, e.file) for e in errors_of(files)] == [("REPEATED_FEATURE", CART)]


def test_what_migrate_brings_along_is_of_the_kind_that_the_new_version_remembers() -> None:
    text = ("remember: {total: event.total}", "remember: {total: event.cart_id}")
    older = kept(text, text, ("data: {total: instance.total, ", "data: {"))
    files, place = marked(CART, bent(CART, "version: 3", MIGRATE.replace("2", "«2", 1), older))

    assert [(e.code, (e.file, e.line, e.column)) for e in errors_of(files)] == [
        ("CONTEXT_KIND", place)
    ]
    stays = MIGRATE.replace("waiting: nudged", "waiting: finish")
    stays = stays[: stays.index("nudged: {")] + "nudged: exit\n    engaged: finish"
    assert not errors_of(bent(CART, "version: 3", stays, older))
