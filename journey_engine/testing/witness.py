"""A finding of the lint, shown: the shortest events that lead to it, as a test (rule V4).

The core runs a plan that the lint refuses, so that an author sees what would happen. A witness is
believed because it was run: its `then` says what came of it, its `never` what the finding claims.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from journey_engine.define.action_plan import Action
from journey_engine.define.durations import duration_text
from journey_engine.define.junction_plan import Arm, Branch, ways
from journey_engine.define.loader import Node, parse_yaml
from journey_engine.define.plan import ANY_CHANNEL, END, JourneyPlan, Plan, TransitionPlan, Trigger
from journey_engine.errors import DefinitionError
from journey_engine.schemas import Schemas
from journey_engine.testing import SUFFIX, run_tests
from journey_engine.testing.cases import Fact, Given
from journey_engine.testing.happenings import Happening, matches, moment
from journey_engine.testing.moves import known_first
from journey_engine.testing.runner import Run
from journey_engine.testing.search import START, Moved, Search, Walk
from journey_engine.testing.words import NEVER, SUBJECTS

_LONG: Final = 365 * 86_400_000
_REFUSALS: Final = {
    "CAP_BROKEN_ALONE": frozenset({"CAP_REACHED", "LOWER_PRIORITY"}),
    "THEMES_CONTRADICT": frozenset({"THEME_CONFLICT"}),
}
"""By what a send is refused that a finding is about; another one's own words refuse it."""
Claim = Mapping[str, str]
"""An item of `never`."""


class Shown(NamedTuple):
    """A sequence that shows a finding, and what must never come of it."""

    walk: Walk
    never: Claim | None


def witness(finding: DefinitionError, text: str, plan: Plan, schemas: Schemas) -> str | None:
    """The finding as the text of a test file; None where no sequence of events was found.

    `text` is that of the finding's file, `plan` that of all definitions as `compile_definitions`
    gives it.
    """
    journey = plan.by_name.get(PurePosixPath(finding.file).stem)
    if journey is None:
        return None
    for given in (Given(), _all_granted(plan, journey)):
        search = Search(plan, schemas, journey, given)
        shown = _Witness(search, journey).of(finding, text)
        if shown is not None:
            test = _text(finding, given, shown, journey.name)
            report = run_tests({f"{journey.name}{SUFFIX}": test}, plan, schemas)
            return None if report.failed else test
    return None


def _all_granted(plan: Plan, journey: JourneyPlan) -> Given:
    consent = {f"{purpose}/{ANY_CHANNEL}": True for purpose in plan.consent_default}
    traits = {name: v for name, v in known_first(journey).items() if name in plan.trait_valid}
    return Given(traits, consent, tuple(plan.channels))


class _Witness:
    def __init__(self, search: Search, journey: JourneyPlan) -> None:
        self._search = search
        self._journey = journey

    def of(self, finding: DefinitionError, text: str) -> Shown | None:
        path = finding.path.split(".")
        shown = None
        match finding.code, path:
            case "UNREACHABLE_STAGE", [_, stage]:
                shown = self._later(self._is_live, {"stage": stage})
            case "NO_WAY_OUT", [_, stage]:
                shown = self._later(self._stands_in(stage), {"ended": "any"})
            case "ALWAYS_LOOP", _:
                shown = self._found(self._went_round)
            case "TIMEOUT_WITHOUT_PATH", _:
                shown = self._unacknowledged(path)
            case _, ["stages", stage, "transitions", index, *_] if "do" not in path:
                shown = self._untaken(stage, self._transition(stage, int(index)))
            case _, ["stages", stage, "choose", index, *_]:
                way = ways(self._journey.stages[stage].junction)[int(index)]
                shown = self._found(self._passed(stage), _claim(way))
            case _, ["stages", _, "on_enter" | "on_exit" | "transitions", *_]:
                shown = self._unsent(finding.code, path)
            case _, ["entry" | "goals" | "exits" | "updates" | "milestones" as kind, name, *_]:
                shown = self._unheard(kind, name, _below(text, [kind, name]))
        return shown

    def _transition(self, stage: str, index: int) -> TransitionPlan:
        return self._journey.stages[stage].transitions[index]

    def _found(self, reached: Callable[[Run], bool], never: Claim | None = None) -> Shown | None:
        walk = self._search.shortest(reached)
        return None if walk is None else Shown(walk, never)

    def _later(self, reached: Callable[[Run], bool], never: Claim) -> Shown | None:
        """What does not happen even a year after the sequence."""
        walk = self._search.shortest(reached)
        if walk is None:
            return None
        return self._after(walk, [Moved(walk.run.clock + _LONG)], never)

    def _after(self, walk: Walk, moves: list[Moved], never: Claim | None) -> Shown | None:
        """The walk after the first of the moves that break no claim; best one that moves it."""
        name = self._journey.name
        tried = [after for move in moves if (after := self._search.taken(walk, move)) is not None]
        kept = [after for after in tried if not _breaks(after.run, name, never)]
        done = len(_happened(walk.run, name))
        moved = [after for after in kept if len(_happened(after.run, name)) > done]
        best = next(iter([*moved, *kept]), None)
        return None if best is None else Shown(best, never)

    def _untaken(self, stage: str, transition: TransitionPlan) -> Shown | None:
        """A transition that is not taken though all that triggers it happens."""
        walk = self._search.shortest(self._stands_in(stage))
        if walk is None:
            # It may leave the stage at once, whatever happens.
            return self._found(self._passed(stage))
        moves = self._triggers(walk, transition)
        return self._after(walk, moves, _claim(transition)) or self._after(walk, moves, None)

    def _triggers(self, walk: Walk, transition: TransitionPlan) -> list[Moved]:
        at = self._search.soon(walk)
        if transition.trigger is Trigger.AFTER:
            return [Moved(walk.run.clock + transition.after)]
        return self._events(sorted(transition.types) or list(self._search.moves.by_type), at)

    def _events(self, types: list[str], at: int) -> list[Moved]:
        by_type = self._search.moves.by_type
        return [Moved(at, name, said) for name in types for said in by_type.get(name, ())]

    def _action(self, path: list[str]) -> Action:
        stage = self._journey.stages[path[1]]
        actions = stage.on_exit if path[2] == "on_exit" else stage.on_enter
        if path[2] == "transitions":
            actions = stage.transitions[int(path[3])].actions
            return actions[int(path[5])]
        return actions[int(path[3])]

    def _unsent(self, code: str, path: list[str]) -> Shown | None:
        """A send that arises and is refused."""
        send = self._action(path).id
        refusals = _REFUSALS.get(code, frozenset({"GUARD_FALSE", "GUARD_ERROR", "EXPIRED"}))

        def refused(run: Run) -> bool:
            found = [one for each in run.decisions for one in each.sends]
            return any(o.send_id == send and o.outcome.value in refusals for o in found)

        return self._found(refused, None if code in _REFUSALS else {"send": send})

    def _unacknowledged(self, path: list[str]) -> Shown | None:
        """A task that nobody takes, and the time that passes."""
        task = self._action(path)
        walk = self._search.shortest(
            lambda run: any(c.send_id == task.id for each in run.decisions for c in each.commands)
        )
        if walk is None:
            return None
        return self._after(walk, [Moved(walk.run.clock + (task.ack_within or 0))], None)

    def _unheard(self, kind: str, name: str, clause: Node) -> Shown | None:
        """A clause that is not met though its event happens."""
        reached = self._is_live if kind != "entry" else _at_once
        walk = self._search.shortest(reached)
        if walk is None:
            return None
        moves = self._events(_types(clause), self._search.soon(walk))
        never = {
            "entry": {"entered": self._journey.name},
            "exits": {"ended": _word(clause, "reason")},
            "milestones": {"milestone": name},
        }.get(kind)
        return self._after(walk, moves, never) or self._after(walk, moves, None)

    def _went_round(self, run: Run) -> bool:
        happened = _happened(run, self._journey.name)
        return any(one.kind == "ended" and matches({"as": "LOOP"}, one) for one in happened)

    def _is_live(self, run: Run) -> bool:
        return any(one.journey == self._journey.name for one in run.state.instances)

    def _passed(self, stage: str) -> Callable[[Run], bool]:
        name = self._journey.name
        return lambda run: any(
            one.kind == "visited" and one.facts["stage"] == stage for one in _happened(run, name)
        )

    def _stands_in(self, stage: str) -> Callable[[Run], bool]:
        name = self._journey.name
        return lambda run: any(
            one.journey == name and one.stage == stage for one in run.state.instances
        )


def _at_once(_: Run) -> bool:
    return True


def _below(text: str, path: list[str]) -> Node:
    node = parse_yaml("", text)
    for step in path:
        node = node.children[int(step) if step.isdecimal() else step]
    return node


def _types(clause: Node) -> list[str]:
    written = clause.children.get("on")
    types = written.value if written is not None else []
    return [str(each) for each in types] if isinstance(types, list) else [str(types)]


def _word(node: Node, name: str) -> str:
    return str(node.children[name].value) if name in node.children else ""


def _claim(transition: TransitionPlan | Branch | Arm) -> Claim | None:
    """What would show that the way was taken."""
    if isinstance(transition, TransitionPlan) and transition.actions:
        return {"send": transition.actions[0].id}
    if transition.to == END:
        return {"ended": transition.outcome or "COMPLETED"}
    return None if transition.to is None else {"stage": transition.to}


def _happened(run: Run, journey: str) -> list[Happening]:
    return [one for one in run.happened() if one.journey == journey]


def _breaks(run: Run, journey: str, never: Claim | None) -> bool:
    if never is None:
        return False
    ((word, name),) = never.items()
    wanted = {SUBJECTS.get(word, word): name}
    return any(one.kind == NEVER[word] and matches(wanted, one) for one in _happened(run, journey))


def _text(finding: DefinitionError, given: Given, shown: Shown, journey: str) -> str:
    run = shown.walk.run
    lines = [
        "tests:",
        f"  - name: {_json(f'{finding.code} at {finding.file}:{finding.line}')}",
    ]
    if given != Given():
        lines.append(f"    given: {_json({'customer': _customer(given)})}")
    lines.append("    steps:")
    lines += [f"      - {_json(step)}" for step in _steps(shown.walk.moved)]
    if not shown.walk.moved:
        lines.append(f"      - {_json({'at': moment(START)})}")
    lines.append(f"    then: {_json(_then(run, journey))}")
    if shown.never is not None:
        lines.append(f"    never: {_json([shown.never])}")
    return "\n".join(lines) + "\n"


def _customer(given: Given) -> dict[str, object]:
    consent = {
        cell.partition("/")[0]: "granted" if granted else "denied"
        for cell, granted in given.consent.items()
    }
    return {**given.traits, "consent": consent, "reachable": list(given.reachable)}


def _steps(moved: tuple[Moved, ...]) -> Iterator[dict[str, object]]:
    before: int | None = None
    for move in moved:
        when = {"at": moment(move.at)}
        if before is not None and before != move.at:
            when = {"after": duration_text(-(-(move.at - before) // 1_000) * 1_000)}
        yield {**when, **({move.event_type: dict(move.said)} if move.event_type else {})}
        before = move.at


def _then(run: Run, journey: str) -> dict[str, list[dict[str, Fact]]]:
    """How far the journey came: what it was asked for, where it stands, how it ended."""
    told: dict[str, list[dict[str, Fact]]] = {"ended": [], "stage": []}
    for one in _happened(run, journey):
        if one.kind == "ended":
            names = one.facts["as"]
            told["ended"].append({"as": names[0] if isinstance(names, tuple) else names})
        elif one.kind == "stage":
            told["stage"].append({"stage": one.facts["stage"]})
        elif one.kind == "suppressed":
            refused = {"send": one.facts["send"], "outcome": one.facts["outcome"]}
            told.setdefault("suppressed", []).append(refused)
    return told


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
