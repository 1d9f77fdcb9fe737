"""`python -m tests.rehearsal`: what came of it as a JSON line; the exit code."""

import asyncio
import json
import shutil
import sys
from pathlib import Path

from tests.broker.rig import ROOT
from tests.rehearsal.loss import Failed, rehearse

FOLDER = ROOT / "var" / "rehearsal"
"""Logs and data stay until the next time."""


def main(folder: Path = FOLDER) -> int:
    """Rehearse once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        outcome = asyncio.run(rehearse(folder))
    except Failed as reason:
        sys.stderr.write(f"error: {reason}\n")
        return 1
    sys.stdout.write(json.dumps(outcome._asdict()) + "\n")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
