"""The bench job as a plain small function: what every engine must do, and all that the Python peers
have to do.

A customer enters with the first product view. A cart over 20 with a view in the hour before leads
from `browsing` to `engaged`, an order from there to `bought`, a view back to `browsing`; 20 minutes
without another cart lead from `engaged` back to `browsing`. Each stage entered is a command.

The state is a dict that goes through JSON as it is: `stage`, `views` (the feature: times of the
views of the last hour) and `due` (the timer).
"""

from typing import Any, NamedTuple

WINDOW_MS = 3_600_000
WAIT_MS = 20 * 60_000
VIEWS_KEPT = 64
CART_ABOVE = 20.0

State = dict[str, Any]


class Move(NamedTuple):
    """A stage entered, at a time in milliseconds; `timed` where the timer did it."""

    stage: str
    at: int
    timed: bool = False


def overdue(state: State, at: int) -> Move | None:
    """The timer's move, where it was due by then; done to the state."""
    due = state.get("due")
    if due is None or due > at:
        return None
    state["stage"], state["due"] = "browsing", None
    return Move("browsing", due, timed=True)


def take(state: State, kind: str, at: int, total: float | None) -> list[Move]:
    """What an event brings about, a timer due before it first; the state is changed in place."""
    timed = overdue(state, at)
    views = [view for view in state.get("views", ()) if view > at - WINDOW_MS]
    if kind == "ProductViewed":
        views = [*views, at][-VIEWS_KEPT:]
    state["views"] = views
    stage = _next(state.get("stage"), kind, total, seen=bool(views))
    if stage is not None:
        state["stage"], state["due"] = stage, None
    if state.get("stage") == "engaged" and kind == "CartUpdated":
        state["due"] = at + WAIT_MS
    moves = [] if timed is None else [timed]
    return moves if stage is None else [*moves, Move(stage, at)]


def _next(stage: str | None, kind: str, total: float | None, *, seen: bool) -> str | None:
    """The stage that the event leads to."""
    match stage, kind:
        case ((None | "bought"), "ProductViewed"):
            return "browsing"
        case "browsing", "CartUpdated" if seen and total is not None and total > CART_ABOVE:
            return "engaged"
        case "engaged", "OrderPlaced":
            return "bought"
    return None
