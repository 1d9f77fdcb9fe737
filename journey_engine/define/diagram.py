"""A journey as a picture: text for Mermaid's `stateDiagram-v2`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from journey_engine.define.plan import END, Clause, JourneyPlan, TransitionPlan

_PLAIN: Final = re.compile(r"\w+", re.ASCII)
_SPECIAL: Final = re.compile(r"[^\w\s.,'()\[\]|=!&+*/-]", re.ASCII)
_DAY_MS: Final = 86_400_000
_UNITS: Final = ((_DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))


def mermaid(journey: JourneyPlan) -> str:
    """The diagram: stages inside, what ends the journey at any stage around them."""
    return "\n".join(_lines(journey)) + "\n"


def _lines(journey: JourneyPlan) -> Iterator[str]:
    names = _names(journey)
    frame = names[""]
    yield "stateDiagram-v2"
    yield f'  state "{journey.name} v{journey.version}" as {frame} {{'
    for stage in journey.stages.values():
        yield f'    state "{stage.name}" as {names[stage.name]}'
    for clause in _unique(journey.entries):
        yield f"    [*] --> {names[journey.start]}: {_label(clause.text)}"
    for stage in journey.stages.values():
        for transition in stage.transitions:
            yield f"    {_arrow(stage.name, transition, names)}: {_transition(transition)}"
    yield "  }"
    for clause in _unique(journey.goals):
        yield f"  {frame} --> [*]: {_label(f'goal {clause.name}, {clause.text}')}"
    for clause in _unique(journey.exits):
        yield f"  {frame} --> [*]: {_label(f'exit {clause.name}, {clause.text}')}"
    if journey.abandon is not None:
        yield f"  {frame} --> [*]: abandoned after {_duration(journey.abandon)}"


def _names(journey: JourneyPlan) -> dict[str, str]:
    """Mermaid's name of each stage; of the frame under the empty name."""
    names = {"": "journey"}
    for number, name in enumerate(journey.stages):
        usable = _PLAIN.fullmatch(name) and name not in {"journey", "state", "note", "end"}
        names[name] = name if usable else f"stage_{number}"
    return names


def _arrow(stage: str, transition: TransitionPlan, names: Mapping[str, str]) -> str:
    target = transition.to if transition.to is not None else stage
    return f"{names[stage]} --> {'[*]' if target == END else names[target]}"


def _transition(transition: TransitionPlan) -> str:
    done = "".join(f", send {action.id}" for action in transition.actions)
    outcome = f", outcome {transition.outcome}" if transition.outcome else ""
    return _label(f"{transition.text}{done}{outcome}")


def _label(text: str) -> str:
    """Mermaid writes a character that means something to it as its number."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};", flat)


def _unique(by_type: Mapping[str, Iterable[Clause]]) -> list[Clause]:
    found = {(c.name, c.text): c for clauses in by_type.values() for c in clauses}
    return list(found.values())


def _duration(milliseconds: int) -> str:
    unit, letter = next((u, n) for u, n in _UNITS if milliseconds % u == 0)
    return f"{milliseconds // unit}{letter}"
