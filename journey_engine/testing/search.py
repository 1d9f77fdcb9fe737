"""The shortest sequence of events after which something is so, found by running the core.

Breadth first, and bounded: where nothing is found, there may still be one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from journey_engine.decide.due import next_due
from journey_engine.define.plan import JourneyPlan, Plan
from journey_engine.schemas import Schemas
from journey_engine.testing.cases import Given, TestCase, TestStep
from journey_engine.testing.moves import Fields, Moves
from journey_engine.testing.runner import Run, Unanswerable

if TYPE_CHECKING:
    from journey_engine.decide.state import PatternState

STEPS_MAX: Final = 8
RUNS_MAX: Final = 3_000
"""Most sequences that are tried."""
START: Final = 1_772_445_600_000
"""When a sequence begins: 2026-03-02T10:00Z."""
_PAUSE: Final = 60_000
"""Between two events."""
_COUNTED_MAX: Final = 4
"""Entries of a feature up to which two states are told apart."""


class Moved(NamedTuple):
    """One step of a sequence: `said` are the fields that it needs; no type: time passes."""

    at: int
    event_type: str = ""
    said: Fields = MappingProxyType({})


class Walk(NamedTuple):
    """A sequence and what came of it."""

    moved: tuple[Moved, ...]
    run: Run
    depth: int = 0
    """Steps, where events of one type in a row are one."""


class Search:
    """Sequences for one journey, for a customer of whom `given` is known."""

    def __init__(
        self, plan: Plan, schemas: Schemas, journey: JourneyPlan, given: Given | None = None
    ) -> None:
        self.given = given or Given()
        self.moves = Moves(plan, schemas, journey)
        self._plan = plan
        self._journey = journey
        self._counted = [feature.id for feature in journey.features.values()]

    def shortest(self, reached: Callable[[Run], bool]) -> Walk | None:
        """The first sequence found after which `reached` is so; the empty one may be."""
        first = self._start()
        seen = {self._signature(first.run)}
        ahead = deque([first])
        tried = 0
        while ahead:
            walk = ahead.popleft()
            if reached(walk.run):
                return walk
            if walk.depth >= STEPS_MAX or tried > RUNS_MAX:
                continue
            for moves in self._next(walk.run):
                tried += len(moves)
                after = self._all_taken(walk, moves)
                if after is None:
                    continue
                signature = self._signature(after.run)
                if signature not in seen or reached(after.run):
                    seen.add(signature)
                    ahead.append(after)
        return None

    def _all_taken(self, walk: Walk, moves: list[Moved]) -> Walk | None:
        after: Walk | None = walk
        for move in moves:
            after = self.taken(after, move) if after is not None else None
        return None if after is None else after._replace(depth=walk.depth + 1)

    def taken(self, walk: Walk, move: Moved) -> Walk | None:
        """The walk with one step more; None where that answers what was never sent."""
        run = walk.run.forked()
        step = TestStep(0, move.at)
        if move.event_type:
            fields = self.moves.fields(move.event_type, move.said)
            step = TestStep(0, move.at, move.event_type, fields)
        try:
            run.take(step)
        except Unanswerable:
            return None
        return Walk((*walk.moved, move), run)

    def soon(self, walk: Walk) -> int:
        """When the next event may come."""
        return walk.run.clock + (_PAUSE if walk.moved else 0)

    def _start(self) -> Walk:
        start = (TestStep(0, START),)
        case = TestCase("", 0, "", self._journey.name, self.given, start, {}, ())
        return Walk((), Run(self._plan, case))

    def _next(self, run: Run) -> Iterator[list[Moved]]:
        at = run.clock + (_PAUSE if run.decisions else 0)
        for event_type, variants in self.moves.by_type.items():
            for variant in variants:
                yield [Moved(at, event_type, variant)]
        for event_type, said, times in self.moves.bursts:
            yield [Moved(at + n * _PAUSE, event_type, said) for n in range(times)]
        due = next_due(run.state)
        if due is not None:
            yield [Moved(max(due, run.clock))]

    def _signature(self, run: Run) -> str:
        """What tells two customers of the journey apart, but for times."""
        state, name = run.state, self._journey.name
        live = [
            (
                one.key,
                one.stage,
                one.context,
                one.visits,
                [sent.send_id for sent in one.sent],
                [timer.index for timer in one.timers],
            )
            for one in state.instances
            if one.journey == name
        ]
        waits = [place.action for place in state.pending if place.journey == name]
        counts = [
            min(len(state.features[each].entries), _COUNTED_MAX) if each in state.features else 0
            for each in self._counted
        ]
        return repr((live, waits, counts, name in state.journeys, self._seen(run)))

    def _seen(self, run: Run) -> list[tuple[str, int, int]]:
        """How far the journey's patterns are."""
        name = self._journey.name
        memory = run.state.journeys.get(name)
        known: list[tuple[str, PatternState]] = []
        for pattern, by_key in (memory.patterns if memory is not None else {}).items():
            known += [(pattern, one) for one in by_key.values()]
        for instance in run.state.instances:
            if instance.journey == name:
                known += instance.patterns.items()
        return [(pattern, len(one.taken), len(one.awaited)) for pattern, one in known]
