"""Themes that messages may have: those that policies.yaml declares (rules C1, C8).

Without `names` in policies.yaml any theme may be had, for a theme is also a word of reports. Then
only what certainly comes to nothing is refused, and what looks like a slip of the pen is a warning.
"""

from collections.abc import Iterable, Sequence

from journey_engine.define.central import PoliciesDocument
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expression_error import did_you_mean
from journey_engine.define.place import Place, suggestion

_CODE = "UNKNOWN_THEME"


def check_themes(
    policies: tuple[PoliciesDocument, Place], journeys: Sequence[tuple[JourneyDocument, Place]]
) -> None:
    """Report themes that nobody declared; `journeys` are those that are entered."""
    document, place = policies
    themes = document.themes
    in_conflict = {theme for group in themes.conflicts for theme in group} if themes else set()
    if themes is not None and themes.names is not None:
        _check_conflicts(themes.conflicts, themes.names, place.at("themes", "conflicts"))
        for theme, at in _named(journeys):
            if theme not in themes.names:
                hint = suggestion(theme, themes.names)
                at.error(_CODE, f"policies.yaml declares no theme `{theme}`", hint)
        return
    sent = {theme for theme, _ in _sent(journeys)}
    for theme, at in _held(journeys):
        if theme not in sent | in_conflict:
            message = f"no journey sends the theme `{theme}`, and no policy names it"
            at.error(_CODE, message, suggestion(theme, sent | in_conflict))
    for theme, at in _sent(journeys):
        meant = did_you_mean(theme, in_conflict)
        if theme not in in_conflict and meant:
            hint = f"{meant} if not, declare it in policies.yaml, `names` of `themes`"
            at.warn("THEME_UNDECLARED", f"no policy names the theme `{theme}`", hint)


def _check_conflicts(conflicts: list[list[str]], names: list[str], place: Place) -> None:
    for index, group in enumerate(conflicts):
        for number, theme in enumerate(group):
            if theme not in names:
                message = f"`names` does not have the theme `{theme}`"
                place.at(index, number).error(_CODE, message, suggestion(theme, names))


def _named(
    journeys: Sequence[tuple[JourneyDocument, Place]],
) -> Iterable[tuple[str, Place]]:
    yield from _sent(journeys)
    yield from _held(journeys)


def _sent(journeys: Sequence[tuple[JourneyDocument, Place]]) -> Iterable[tuple[str, Place]]:
    for document, place in journeys:
        for path, action in document.actions:
            if action.send is not None and action.send.theme is not None:
                yield action.send.theme, place.at(*path, "theme")


def _held(journeys: Sequence[tuple[JourneyDocument, Place]]) -> Iterable[tuple[str, Place]]:
    for document, place in journeys:
        for index, theme in enumerate((document.holds and document.holds.themes) or ()):
            yield theme, place.at("holds", "themes", index)
