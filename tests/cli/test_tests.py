"""`journey-engine test`."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CART, Engine, spoil


def test_the_tests_of_the_journeys_pass(engine: Engine) -> None:
    said = engine("test")
    assert said.code == 0
    assert ", 0 failed" in said.out or " 0 failed" in said.out


def test_a_journey_that_changed_fails_its_tests(engine: Engine, topologies: Path) -> None:
    spoil(topologies, "after: 4h", "after: 9h")
    said = engine("test", topologies)
    assert said.code == 1
    assert "cart-rescue" in said.out + said.err


def test_test_tells_a_program(engine: Engine) -> None:
    said = engine("test", "--json")
    assert said.code == 0
    document = json.loads(said.out)
    assert (document["ok"], document["below"]) == (True, [])


def test_test_tells_a_program_which_journeys_have_too_little_covered(
    engine: Engine, topologies: Path
) -> None:
    cases = topologies / CART.with_suffix(".test.yaml")
    cases.write_text(cases.read_text().partition("\n\n")[0])
    said = engine("test", topologies, "--min-coverage", "100", "--json")
    document = json.loads(said.out)
    assert (said.code, document["ok"], document["failed"]) == (1, False, 0)
    (below,) = document["below"]
    assert (below["journey"], below["share"] < 1) == ("cart-rescue", True)


def test_a_journey_that_is_named_runs_its_tests(engine: Engine) -> None:
    by_journey, by_tests = (
        engine("test", Path("topologies") / CART.with_suffix(end))
        for end in (".yaml", ".test.yaml")
    )
    assert by_journey == by_tests
    assert (by_journey.code, "cart-rescue: 100% covered" in by_journey.out) == (0, True)


@pytest.mark.parametrize("named", ["customer.yaml", "README.md", "cart.test.yaml"])
def test_a_file_that_has_no_tests_is_an_error(engine: Engine, topologies: Path, named: str) -> None:
    (topologies / "journeys/cart-rescue.test.yaml").unlink()
    (topologies / "cart.test.yaml").write_text("tests: []")
    for file in (named, CART):
        said = engine("test", topologies / file)
        assert (said.code, "error[TEST_ABSENT]" in said.err) == (1, True)
        assert "journeys/<name>.test.yaml" in said.err


def test_tests_of_no_journey_are_an_error(engine: Engine, topologies: Path) -> None:
    tests = topologies / CART.with_suffix(".test.yaml")
    stray = tests.rename(tests.with_name("cart-rescu.test.yaml"))
    for words in (["test", topologies], ["test", stray], ["validate", topologies]):
        said = engine(*words)
        assert (said.code, "error[TEST_STRAY]" in said.err) == (1, True)
        assert "cart-rescue" in said.err


def test_of_a_journey_without_tests_nothing_is_covered(engine: Engine, topologies: Path) -> None:
    (topologies / CART.with_suffix(".test.yaml")).unlink()
    assert engine("test", topologies).code == 0
    said = engine("test", topologies, "--min-coverage", "100")
    assert said.code == 1
    assert "cart-rescue: 0.0% covered, at least 100% are asked" in said.err
