"""`journey-engine experiments`."""

from pathlib import Path
from typing import TYPE_CHECKING

import cyclopts

from journey_engine.cli.console import fail, out, print_json
from journey_engine.cli.groups import AUTHORS

if TYPE_CHECKING:
    from journey_engine.define.allocation import Change

experiments = cyclopts.App(
    name="experiments",
    help="Keep the file that says which customers get which arm of an experiment.",
    group=AUTHORS,
    version_flags=[],
)


@experiments.command
def allocate(
    *,
    topologies: Path = Path("topologies"),
    check: bool = False,
    json: bool = False,
) -> int:
    """Write `experiments.lock.yaml` as the splits of all journeys need it, moving the fewest.

    Whoever was assigned to an arm stays there, whatever moves: this is about those to come.

    Exit code 0: it is (now) as it must be, 1: with `--check`, it is not; or errors.

    For example:

        journey-engine experiments allocate

    Args:
        topologies: The folder of the definitions; else `JOURNEY_TOPOLOGIES`.
        check: Write nothing, only say what would be.
        json: Print what changes as one JSON document.
    """
    from journey_engine.run.experiments import allocation_of, lock_path, write_lock

    allocation, same = allocation_of(topologies)
    if not (same or check):
        write_lock(topologies, allocation)
    if json:
        print_json({"same": same, "changes": [_document(one) for one in allocation.changes]})
    else:
        for change in allocation.changes:
            out.print(_sentence(change), highlight=False)
        if check and not same:
            fail(f"{lock_path(topologies)} is stale: run `journey-engine experiments allocate`")
    return 1 if check and not same else 0


def _document(change: "Change") -> dict[str, object]:
    moved = [
        {"from": one or None, "to": other, "buckets": count}
        for (one, other), count in change.moved.items()
    ]
    return {
        "experiment": change.experiment,
        "arms": change.arms,
        "moved": moved,
        "used": change.used,
    }


def _sentence(change: "Change") -> str:
    arms = ", ".join(f"{arm} {count / 100:g}%" for arm, count in change.arms.items())
    name = f"{change.experiment}: {arms}"
    if not change.used:
        return f"{name}; no journey has it, kept for its return"
    if any(one == "" for one, _ in change.moved):
        return f"{name}; new"
    if not change.moved:
        return f"{name}; unchanged"
    moved = ", ".join(
        f"{count:,} of 10,000 buckets from {one} to {other}"
        for (one, other), count in change.moved.items()
    )
    return f"{name}; moved {moved}"
