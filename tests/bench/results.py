"""Results files: what was measured, when, on what machine, at what commit."""

import json
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).parent / "results"
WIDTH = 150
"""Characters of a line for people, wherever it goes."""


def keep(path: Path, settings: Mapping[str, object], figures: Mapping[str, object]) -> None:
    """Write a results file; one that was there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {key: value for key, value in settings.items() if isinstance(value, int | float | str)}
    document = {"taken": taken(), "settings": told, **figures}
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def taken() -> dict[str, object]:
    """When and where."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit(),
        # How the interpreter was built is worth a sixth of the rate.
        "python": f"{platform.python_version()} ({Path(sys.executable).resolve()})",
        "cores": psutil.cpu_count(),
        "memory_gib": psutil.virtual_memory().total >> 30,
        "load_1m": round(psutil.getloadavg()[0], 1),
    }


def commit() -> str:
    """What is checked out."""
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


def read(name: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """The results file of that name; None where there is none."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    document = json.loads(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else None
