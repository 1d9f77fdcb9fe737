"""A journey's actions by their id."""

from functools import lru_cache

from journey_engine.define.action_plan import Action
from journey_engine.define.plan import JourneyPlan, every_action


def find(journey: JourneyPlan | None, action: str) -> Action | None:
    """The action with this id, None where the plan has it no more."""
    return None if journey is None else _actions(journey).get(action)


@lru_cache(maxsize=256)
def _actions(journey: JourneyPlan) -> dict[str, Action]:
    """All of them, wherever they stand."""
    return {action.id: action for action in every_action(journey)}
