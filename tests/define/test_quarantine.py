"""V2: a definition that is wrong is left out of a worker's plan alone."""

import pytest

from journey_engine.define.quarantine import compile_sound
from journey_engine.errors import DefinitionErrors
from journey_engine.run.zones import load_zones
from tests.define.definitions import CART, CHANNELS, FILES, SCHEMAS, bent, compiled

SECOND = "topologies/journeys/second.yaml"


def two(*, broken: bool) -> dict[str, str]:
    """`cart`, and `second`, which leads into it."""
    other = bent(CART, "journey: cart", "journey: second")[CART]
    files = bent(CART, "after: 4h", "after: 4 hours") if broken else dict(FILES)
    return {**files, SECOND: other}


def test_sound_definitions_are_compiled_as_ever() -> None:
    sound = compile_sound(FILES, SCHEMAS, load_zones())

    assert sound.plan.hash == compiled().hash
    assert not sound.quarantined


def test_a_broken_journey_is_left_out_alone_and_said_to_be_so() -> None:
    sound = compile_sound(two(broken=True), SCHEMAS, load_zones())

    assert list(sound.plan.by_name) == ["second"]
    assert {name: [e.code for e in found] for name, found in sound.quarantined.items()} == {
        "cart": ["BAD_DURATION"]
    }


def test_so_are_its_kept_versions_and_what_is_wrong_without_it() -> None:
    files = two(broken=True)
    exits = "  - {on: CartEmptied, reason: emptied}"
    files = bent(SECOND, exits, "  - {on: CartEmptied, switch_to: cart}", files)
    files["topologies/journeys/cart@2.yaml"] = bent(CART, "version: 3", "version: 2")[CART]

    sound = compile_sound(files, SCHEMAS, load_zones())

    assert not sound.plan.by_name
    assert not sound.plan.kept
    assert sorted(sound.quarantined) == ["cart", "second"]


def test_a_copy_that_was_not_renamed_inside_is_left_out_and_not_the_original() -> None:
    files = {**FILES, "topologies/journeys/cart-copy.yaml": FILES[CART]}

    sound = compile_sound(files, SCHEMAS, load_zones())

    assert list(sound.plan.by_name) == ["cart"]
    assert {name: [e.code for e in found] for name, found in sound.quarantined.items()} == {
        "cart-copy": ["REPEATED_JOURNEY"]
    }


def test_what_is_wrong_in_a_file_of_the_company_stops_all() -> None:
    with pytest.raises(DefinitionErrors):
        compile_sound(bent(CHANNELS, "channels:", "chanels:"), SCHEMAS, load_zones())
