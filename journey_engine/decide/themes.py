"""Themes that contradict each other (rule C1 (3))."""

from journey_engine.decide import history
from journey_engine.decide.case import Case
from journey_engine.decide.draft import Draft


def conflict(draft: Draft, case: Case, above: set[str]) -> str | None:
    """What the candidate contradicts: a theme sent within the window, or one that ranks `above`."""
    theme, policy = case.candidate.action.theme, draft.plan.policy
    others = None if theme is None else policy.conflicts.get(theme)
    if theme is None or others is None:
        return None
    contact = draft.contact
    kinds = {place for place, kind in enumerate(contact.kinds) if kind[2] in others}
    if kinds and history.used(contact, kinds, draft.now - policy.conflicts_within):
        sent = sorted({kind[2] for kind in contact.kinds if kind[2] is not None} & others)
        return f"theme {theme}: {', '.join(sent)} was sent"
    ranking = sorted(others & above)
    if ranking:
        return f"theme {theme}: {', '.join(ranking)} ranks above"
    above.add(theme)
    return None
