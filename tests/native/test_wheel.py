"""The wheel is built without a C compiler too, and says so."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
BUILD = (
    "import sys; from hatchling.build import build_wheel;"
    " print(build_wheel(sys.argv[1]), file=open(sys.argv[2], 'w'))"
)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"JOURNEY_ENGINE_PURE": "1"}, "JOURNEY_ENGINE_PURE=1"),
        ({"CC": "no-such-compiler"}, "no working C compiler"),
    ],
    ids=["asked for", "no compiler"],
)
def test_without_a_compiler_the_wheel_is_pure(
    settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    environment = {**os.environ, **settings}  # noqa: TID251 - handed on to the child
    name = tmp_path / "name"
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path), str(name)],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert f"{said}" in done.stderr
    assert "without native extensions" in done.stderr
    wheel = tmp_path / name.read_text().strip()
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [
        member for member in ZipFile(wheel).namelist() if member.endswith((".so", ".pyx", ".pxd"))
    ]
