"""Only for `make test-native`, which names this file: are the compiled modules those in use?"""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOK = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
SOURCES = [*HOOK["cython"], *HOOK["mypyc"]]


@pytest.mark.parametrize("source", SOURCES)
def test_the_compiled_module_is_the_one_in_use(source: str) -> None:
    module = importlib.import_module(source.rpartition(".")[0].replace("/", "."))
    assert module.__file__ is not None
    place = Path(module.__file__)
    assert place.is_relative_to(ROOT / "var/native")
    assert place.suffix == (".pyd" if sys.platform == "win32" else ".so")
