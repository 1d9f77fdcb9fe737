"""Which parts of a journey its tests reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from journey_engine.decide.decision import Transition
from journey_engine.decide.scope import Answer
from journey_engine.decide.verdict import Decision
from journey_engine.define.calendar_plan import PAST, IfPast
from journey_engine.define.junction_plan import Arm, Branch, ways
from journey_engine.define.plan import JourneyPlan, Plan, StagePlan, TransitionPlan, Trigger
from journey_engine.errors import EndReason

Part = tuple[str, str]
"""What it is (`stage`, `transition`, `send`, `milestone`, `goal`, `exit`) and its name."""


@dataclass(frozen=True, slots=True)
class JourneyCoverage:
    """The parts of one journey, in document order, and whether a test reached them.

    A send is reached when it arose, whatever became of it; a stage when it was entered.
    """

    journey: str
    parts: Mapping[Part, bool]

    @property
    def missed(self) -> list[Part]:
        """Those that no test reached."""
        return [part for part, reached in self.parts.items() if not reached]

    @property
    def share(self) -> float:
        """The reached share of all parts, 0 to 1."""
        return sum(self.parts.values()) / len(self.parts)


def measure(plan: Plan, names: Iterable[str], decisions: list[Decision]) -> list[JourneyCoverage]:
    """The coverage of the named journeys by what was decided."""
    reached: dict[str, set[Part]] = {name: set() for name in names}
    for decision in decisions:
        for transition in decision.transitions:
            if transition.journey in reached:
                found = _passed(plan.by_name[transition.journey], transition, _held(decision))
                reached[transition.journey].update(found)
        for send in decision.sends:
            if send.journey in reached:
                reached[send.journey].add(("send", send.send_id))
    return [
        JourneyCoverage(name, {part: part in hit for part in _parts(plan.by_name[name])})
        for name, hit in reached.items()
    ]


def _parts(journey: JourneyPlan) -> list[Part]:
    parts: dict[Part, None] = {}
    for stage in journey.stages.values():
        parts["stage", stage.name] = None
        for action in stage.actions:
            parts["send", action.id] = None
        for transition in stage.transitions:
            if transition.to is not None:
                parts["transition", _title(stage, transition)] = None
        for way in ways(stage.junction):
            parts["transition", _title(stage, way)] = None
    for name in journey.milestone_names:
        parts["milestone", name] = None
    for kind, clauses in (("goal", journey.goals), ("exit", journey.exits)):
        for clause in (clause for of_type in clauses.values() for clause in of_type):
            parts[kind, clause.name] = None
    return list(parts)


def ends_of(journey: JourneyPlan) -> set[str]:
    """All that an end of the journey may be called: goals, exits, outcomes, reasons."""
    goals = {clause.name for clauses in journey.goals.values() for clause in clauses}
    exits = {clause.name for clauses in journey.exits.values() for clause in clauses}
    outcomes = {
        each.outcome
        for stage in journey.stages.values()
        for each in (*stage.transitions, *ways(stage.junction))
    }
    both = {f"{goal}+{reason}" for goal in goals for reason in exits}
    labels = {label for label in outcomes if label is not None}
    waits = [each for stage in journey.stages.values() for each in stage.timers]
    past = {PAST for each in waits if each.at is not None and each.at.if_past is IfPast.EXIT}
    return goals | exits | both | labels | past | set(EndReason)


def _held(decision: Decision) -> set[tuple[str, str | None, str]]:
    """What was asked and held, by journey, key and text of the clause."""
    return {(s.journey, s.key, s.clause) for s in decision.trace if s.outcome == Answer.TRUE}


def _passed(
    journey: JourneyPlan, passed: Transition, held: set[tuple[str, str | None, str]]
) -> list[Part]:
    """What a transition record says was reached: of ways that lead alike, those that held."""
    if passed.milestone is not None:
        return [("milestone", passed.milestone)]
    parts: list[Part] = []
    if passed.to_stage is not None:
        parts.append(("stage", passed.to_stage))
    if passed.end is not None and passed.label is not None:
        kinds = {"GOAL": ("goal", "exit"), "EXIT": ("exit",), "SWITCHED": ("exit",)}.get(
            passed.end.value, ()
        )
        parts += [(kind, label) for kind in kinds for label in passed.label.split("+")]
    stage = journey.stages.get(passed.from_stage or "")
    if stage is not None and (passed.end is None or passed.end.value == "COMPLETED"):
        parts += [
            ("transition", _title(stage, transition))
            for transition in stage.transitions
            if _is_of(transition, passed) and (journey.name, passed.key, transition.text) in held
        ]
        parts += [
            ("transition", _title(stage, way))
            for way in ways(stage.junction)
            if _leads(way, passed)
            and (isinstance(way, Arm) or (journey.name, passed.key, way.text) in held)
        ]
    return parts


def _is_of(transition: TransitionPlan, passed: Transition) -> bool:
    """Whether the record can come of this transition."""
    same_trigger = (
        passed.trigger in transition.types
        if transition.trigger is Trigger.EVENT
        else passed.trigger == transition.trigger.value
    )
    return same_trigger and _leads(transition, passed)


def _leads(way: TransitionPlan | Branch | Arm, passed: Transition) -> bool:
    """Whether it leads where the record says; of two arms that do, the one that was drawn."""
    target = passed.to_stage if passed.end is None else "end"
    drawn = passed.experiment.arm if passed.experiment is not None else way.text
    return (way.to, way.outcome, way.text) == (target, passed.label, drawn)


def _title(stage: StagePlan, way: TransitionPlan | Branch | Arm) -> str:
    return f"{stage.name} -> {way.to} ({way.text})"
