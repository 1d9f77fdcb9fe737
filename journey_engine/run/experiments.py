"""The lock of the experiments, read from the folder of the definitions and written there."""

from pathlib import Path

from journey_engine.define.allocation import Allocation, allocated
from journey_engine.define.experiments import LOCK_FILE
from journey_engine.run.definitions import definition_texts


def lock_path(topologies: Path) -> Path:
    """Where the lock lies."""
    return topologies / LOCK_FILE


def allocation_of(topologies: Path) -> tuple[Allocation, bool]:
    """What the lock must be, and whether it is so already; without experiments there need be none.

    Raises:
        DefinitionErrors: as `allocated`.
    """
    texts = definition_texts(topologies)
    wanted, found = allocated(texts), texts.get(str(lock_path(topologies)))
    return wanted, found == wanted.text or (found is None and not wanted.changes)


def write_lock(topologies: Path, allocation: Allocation) -> None:
    """Put the lock into the place of the one before, whole or not at all."""
    path = lock_path(topologies)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(allocation.text, encoding="utf-8")
    fresh.replace(path)
