"""How instances of an older version go on in a newer one: a part of the plan (rule V1)."""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What becomes of an instance that stands in a stage of the older version."""

    MOVE = "move"
    FINISH = "finish"
    """It stays on its version."""
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class Move:
    """For one stage of the older version: `to` a stage of the newer one, where `fate` is to move.

    `recompute` sets the waits of that stage anew, from when the instance entered its stage;
    otherwise they stay as they are. `enter` runs `on_enter`.
    """

    fate: Fate
    to: str = ""
    recompute: bool = False
    enter: bool = False
