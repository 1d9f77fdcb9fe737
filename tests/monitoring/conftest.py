"""Prometheus' own check of rules, queries and tests."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Promtool = Callable[..., str]


@pytest.fixture(scope="session")
def promtool(prometheus_programs: Path) -> Promtool:
    """Run it; what it says is the error."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [prometheus_programs / "promtool", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
