"""A journey as a picture: text for Mermaid's `stateDiagram-v2`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Final

from journey_engine.define.durations import duration_text
from journey_engine.define.junction_plan import Arm, Branch, Split, ways
from journey_engine.define.plan import END, Clause, JourneyPlan, StagePlan, TransitionPlan

_PLAIN: Final = re.compile(r"\w+", re.ASCII)
_SPECIAL: Final = re.compile(r"[^\w\s.,'()\[\]|=!&+*/-]", re.ASCII)
_FRAME: Final = "journey"
_WORDS: Final = frozenset({_FRAME, "state", "note", "end", "class", "classdef", "style"})
"""Names that Mermaid, which knows no capitals, reads as something else; and that of the frame."""


def mermaid(journey: JourneyPlan) -> str:
    """The diagram: stages inside, what ends the journey at any stage around them."""
    return "\n".join(_lines(journey)) + "\n"


def _lines(journey: JourneyPlan) -> Iterator[str]:
    names = _names(journey)
    frame = names[""]
    yield "stateDiagram-v2"
    yield f'  state "{journey.name} v{journey.version}" as {frame} {{'
    for stage in journey.stages.values():
        shown = f'"{stage.name}" as {names[stage.name]}'
        yield f"    state {shown if stage.junction is None else f'{names[stage.name]} <<choice>>'}"
    for clause in _unique(journey.entries):
        yield f"    [*] --> {names[journey.start]}: {_label(clause.text)}"
    for stage in journey.stages.values():
        for transition in stage.transitions:
            yield f"    {_arrow(stage.name, transition.to, names)}: {_transition(transition)}"
        for way in ways(stage.junction):
            yield f"    {_arrow(stage.name, way.to, names)}: {_way(stage, way)}"
        for to, text in _suppressed(stage):
            yield f"    {_arrow(stage.name, to, names)}: {_label(text)}"
    yield from _milestones(journey, names[journey.start])
    yield "  }"
    for clause in _unique(journey.goals):
        yield f"  {frame} --> [*]: {_label(f'goal {clause.name}, {clause.text}')}"
    for clause in _unique(journey.exits):
        yield f"  {frame} --> [*]: {_label(f'exit {clause.name}, {clause.text}')}"
    if journey.abandon is not None:
        yield f"  {frame} --> [*]: abandoned after {duration_text(journey.abandon)}"


def _milestones(journey: JourneyPlan, start: str) -> Iterator[str]:
    """They are reached in any stage: a note beside the first says what they are."""
    if journey.milestones:
        yield f"    note left of {start}"
        for clause in sorted(_unique(journey.milestones), key=lambda one: one.name):
            yield f"      milestone {_label(f'{clause.name}, {clause.text}')}"
        yield "    end note"


def _names(journey: JourneyPlan) -> dict[str, str]:
    """Mermaid's name of each stage; of the frame under the empty name."""
    names = {"": _FRAME}
    for number, name in enumerate(journey.stages):
        usable = _PLAIN.fullmatch(name) and name.lower() not in _WORDS
        taken = {*journey.stages, *names.values()}
        free = (one for at in count(number) if (one := f"stage_{at}") not in taken)
        names[name] = name if usable else next(free)
    return names


def _suppressed(stage: StagePlan) -> Iterator[tuple[str, str]]:
    """Where its sends lead when they come to nothing, and when (rule C9)."""
    actions = [*stage.on_enter, *(one for each in stage.transitions for one in each.actions)]
    for action in actions:
        for to in sorted(set(action.on_suppressed.values())):
            outcomes = [name.value for name, target in action.on_suppressed.items() if target == to]
            yield to, f"send {action.id} {' | '.join(outcomes)}"


def _arrow(stage: str, to: str | None, names: Mapping[str, str]) -> str:
    target = stage if to is None else to
    return f"{names[stage]} --> {'[*]' if target == END else names[target]}"


def _transition(transition: TransitionPlan) -> str:
    done = "".join(f", {action.kind.lower()} {action.id}" for action in transition.actions)
    outcome = f", outcome {transition.outcome}" if transition.outcome else ""
    return _label(f"{transition.text}{done}{outcome}")


def _way(stage: StagePlan, way: Branch | Arm) -> str:
    """A way out of a junction, which Mermaid draws without its name."""
    outcome = f", outcome {way.outcome}" if way.outcome else ""
    if isinstance(way, Branch):
        return _label(f"{stage.name}: {way.text}{outcome}")
    experiment = stage.junction.experiment if isinstance(stage.junction, Split) else ""
    share = f"{way.share / 100:g} per cent"
    return _label(f"{stage.name}: experiment {experiment}, {way.text} {share}{outcome}")


def _label(text: str) -> str:
    """Mermaid writes a character that means something to it as its number."""
    flat = " ".join(text.split())
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};", flat)


def _unique(by_type: Mapping[str, Iterable[Clause]]) -> list[Clause]:
    found = {(c.name, c.text): c for clauses in by_type.values() for c in clauses}
    return list(found.values())
