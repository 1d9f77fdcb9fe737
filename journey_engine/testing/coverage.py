"""Which parts of a journey its tests reached."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from journey_engine.decide.decision import Decision, Transition
from journey_engine.define.plan import Action, JourneyPlan, Plan, StagePlan, TransitionPlan, Trigger
from journey_engine.errors import EndReason

Part = tuple[str, str]
"""What it is (`stage`, `transition`, `send`, `goal`, `exit`) and its name."""


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
                found = _passed(plan.by_name[transition.journey], transition)
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
        for action in _actions(stage):
            parts["send", action.id] = None
        for transition in stage.transitions:
            if transition.to is not None:
                parts["transition", _title(stage, transition)] = None
    for kind, clauses in (("goal", journey.goals), ("exit", journey.exits)):
        for clause in (clause for of_type in clauses.values() for clause in of_type):
            parts[kind, clause.name] = None
    return list(parts)


def sends_of(journey: JourneyPlan) -> set[str]:
    """The ids of a journey's sends."""
    return {action.id for stage in journey.stages.values() for action in _actions(stage)}


def ends_of(journey: JourneyPlan) -> set[str]:
    """All that an end of the journey may be called: goals, exits, outcomes, reasons."""
    goals = {clause.name for clauses in journey.goals.values() for clause in clauses}
    exits = {clause.name for clauses in journey.exits.values() for clause in clauses}
    outcomes = {each.outcome for stage in journey.stages.values() for each in stage.transitions}
    both = {f"{goal}+{reason}" for goal in goals for reason in exits}
    labels = {label for label in outcomes if label is not None}
    return goals | exits | both | labels | set(EndReason)


def _actions(stage: StagePlan) -> list[Action]:
    done = [action for transition in stage.transitions for action in transition.actions]
    return [*stage.on_enter, *done, *stage.on_exit]


def _passed(journey: JourneyPlan, passed: Transition) -> list[Part]:
    """What a transition record says was reached."""
    parts: list[Part] = []
    if passed.to_stage is not None:
        parts.append(("stage", passed.to_stage))
    if passed.end is not None and passed.label is not None:
        kinds = {"GOAL": ("goal", "exit"), "EXIT": ("exit",)}.get(passed.end.value, ())
        parts += [(kind, label) for kind in kinds for label in passed.label.split("+")]
    stage = journey.stages.get(passed.from_stage or "")
    if stage is not None and (passed.end is None or passed.end.value == "COMPLETED"):
        parts += [
            ("transition", _title(stage, transition))
            for transition in stage.transitions
            if _is_of(transition, passed)
        ]
    return parts


def _is_of(transition: TransitionPlan, passed: Transition) -> bool:
    """Whether the record can come of this transition: two that differ in guards alone both do."""
    same_trigger = (
        passed.trigger in transition.types
        if transition.trigger is Trigger.EVENT
        else passed.trigger == transition.trigger.value
    )
    target = passed.to_stage if passed.end is None else "end"
    return same_trigger and transition.to == target and transition.outcome == passed.label


def _title(stage: StagePlan, transition: TransitionPlan) -> str:
    return f"{stage.name} -> {transition.to} ({transition.text})"
