"""Instances of the naive interpreter: who is reached, who moves, who ends (rules S, I)."""

from collections import Counter
from typing import Any

from tests.properties import appointments
from tests.properties.experiments import Experiments
from tests.properties.guards import Guards, Warming
from tests.properties.matching import Matching, over, routes, waiting
from tests.properties.memory import Candidate, Running, Step, Wait, millis
from tests.properties.profile import names
from tests.properties.sending import Sending
from tests.properties.taking_back import CANCELLING, cause
from tests.properties.trees import Cel, NoValue, walk

Document = dict[str, Any]
ABANDON = -1
MICROSTEPS = 32
_NOT_FOLLOWED = {"SENT", "DEFERRED", "CANCELLED", "HOLDOUT"}


def first(found: Any) -> Any:
    return next(iter(found), None)


class Instances:
    def __init__(
        self, guards: Guards, sending: Sending, experiments: Experiments, matching: Matching
    ) -> None:
        self._guards = guards
        self._matching = matching
        self.switch: Any = None
        """The way into another journey (rule I6): of step, instance and exit, whether it let in."""
        self._experiments = experiments
        self._sending = sending

    def types(self, journey: Document) -> set[str]:
        clauses = [*journey["entry"], *journey.get("updates", []), *journey.get("exits", [])]
        clauses += [*journey["goals"].values(), *journey.get("milestones", {}).values()]
        found = {type_ for clause in clauses for type_ in names(clause.get("on", []))}
        for stage in journey["stages"].values():
            for transition in stage.get("transitions", []):
                found.update(names(transition.get("on", [])))
                found.update(names(transition.get("reset_on", [])))
        return found

    def _names(
        self, step: Step, journey: Document, clause: Document, run: Running, on: str = "on"
    ) -> bool:
        """The clause names the event's type and its key selects the instance (rules I1, I2)."""
        event = step.event
        if "milestone" in names(clause.get(on, [])) and run in step.met:
            return True
        if event is None or event.type not in names(clause.get(on, [])):
            return False
        if "command_id" in event.fields:
            return any(i.command_id == event.fields["command_id"] for i in run.issued)
        if clause.get("scope") == "customer" or "key" not in journey:
            return True
        key = self.key(step, journey, clause)
        return key is not None and key == run.key

    def key(self, step: Step, journey: Document, clause: Document) -> str | None:
        if "key" not in journey:
            return None
        expression: Cel = clause["key"] if "key" in clause else journey["key"]
        view = self._guards.view(step, None, self._guards.fields(step, None), {})
        key = walk(expression.tree, view)
        return None if key is None else str(key)

    def reach(self, step: Step, journey: Document, run: Running, *, late: bool) -> None:
        """Goals, exits, updates, then the first transition, then resets (rules S1, S3, S5)."""

        def holding(clauses: list[Document]) -> list[Document]:
            return [
                clause
                for clause in clauses
                if self._names(step, journey, clause, run)
                and self._guards.holds(
                    step, clause.get("when"), journey, run, self._guards.fields(step, run)
                )
                is None
            ]

        met = self._reach_milestones(step, journey, run)
        goals = self._goals(journey)
        goal, exit_ = first(holding(goals)), first(holding(journey.get("exits", [])))
        if goal or exit_:
            labels = [goal and goal["name"], exit_ and exit_["reason"]]
            label = "+".join(word for word in labels if word)
            assert step.event is not None
            end = "GOAL" if goal else "EXIT"
            # The other is entered first, and what ends is recorded as what came of it.
            if exit_ and "switch_to" in exit_ and self.switch(step, run, exit_):
                end = end if goal else "SWITCHED"
            self.end(step, run, end, label, step.event.type)
            return
        self._see(step, journey, run, late=late)
        if late or not (met or self._reached(step, journey, run)):
            return
        run.reached_at = max(run.reached_at, step.at)
        self.wait_for_abandon(journey, run)
        for update in holding(journey.get("updates", [])):
            self.remember(step, journey, run, update)
        if not self._move_on_event(step, journey, run):
            self._reset(step, journey, run)

    def _reach_milestones(self, step: Step, journey: Document, run: Running) -> bool:
        """Rule I5: first reached, recorded, and read by what is asked after them."""
        fields = self._guards.fields(step, run)
        found = [
            name
            for name, clause in journey.get("milestones", {}).items()
            if name not in run.milestones
            and self._names(step, journey, clause, run)
            and self._guards.holds(step, clause.get("when"), journey, run, fields) is None
        ]
        for name in found:
            run.milestones.append(name)
            self.write(step, run, run.stage, run.stage, "milestone", milestone=name)
        if found:
            step.met.append(run)
        return bool(found)

    def _goals(self, journey: Document) -> list[Document]:
        """A goal without `on` stands under every type that the journey reads, and finds its
        instance as the first clause on that type does.
        """
        named = [goal | {"name": name} for name, goal in journey["goals"].items()]
        found = [goal for goal in named if "on" in goal]
        for goal in [goal for goal in named if "on" not in goal]:
            found += [
                {**route, **goal, "on": type_} for type_, route in routes(journey, found).items()
            ]
        return sorted(found, key=lambda goal: goal["name"] != journey["success"])

    def _reached(self, step: Step, journey: Document, run: Running) -> bool:
        stage = journey["stages"][run.stage]
        # A goal without `on` names no type: it is asked, and reaches nobody.
        clauses = [goal for goal in journey["goals"].values() if "on" in goal]
        clauses += [
            *journey.get("exits", []),
            *journey.get("updates", []),
            *stage.get("transitions", []),
        ]
        ways = [way for other in journey["stages"].values() for way in other.get("transitions", [])]
        clauses += [way for way in ways if way.get("since") == "entry" and "pattern" in way]
        return any(self._names(step, journey, clause, run) for clause in clauses) or any(
            self._names(step, journey, transition, run, "reset_on")
            for transition in stage.get("transitions", [])
        )

    def _see(self, step: Step, journey: Document, run: Running, *, late: bool) -> None:
        """Rule P1: the event is kept for patterns of this stage, and of others since the entry."""
        for stage, form in journey["stages"].items():
            for place, clause in enumerate(form.get("transitions", [])):
                here = stage == run.stage or clause.get("since") == "entry"
                if "pattern" in clause and here and self._names(step, journey, clause, run):
                    seen = run.patterns.setdefault((stage, place), [])
                    fits = self._matching.fits(step, clause, journey, run)
                    self._matching.see(step, clause, seen, fits, late=late)
                if stage == run.stage and "pattern" in clause:
                    self._unfollowed(run, place, clause)

    def _unfollowed(self, run: Running, place: int, clause: Document) -> None:
        """What must be followed by something waits for the time in which that may come."""
        run.waits = [wait for wait in run.waits if wait.index != place]
        for seen in waiting(clause, run.patterns.get((run.stage, place), [])):
            run.waits.append(Wait(over(clause["pattern"], seen), place))

    def _move_on_event(self, step: Step, journey: Document, run: Running) -> bool:
        for place, transition in enumerate(journey["stages"][run.stage].get("transitions", [])):
            if "after" in transition or "at" in transition:
                continue
            if "on" in transition and not self._names(step, journey, transition, run):
                continue
            seen = run.patterns.get((run.stage, place), [])
            if "pattern" in transition and not self._matching.complete(step, transition, seen):
                continue
            fields = self._guards.fields(step, run)
            if self._guards.holds(step, transition.get("when"), journey, run, fields) is None:
                self.take(step, journey, run, transition, _trigger(step, transition))
                self.settle_if_moved(step, journey, run, transition)
                return True
        return False

    def _reset(self, step: Step, journey: Document, run: Running) -> None:
        for index, transition in enumerate(journey["stages"][run.stage].get("transitions", [])):
            if self._names(step, journey, transition, run, "reset_on"):
                assert step.event is not None
                if "at" in transition:
                    run.begun[index] = step.at
                    run.cause = step.event.origin
                    continue
                due = step.at + millis(transition["after"])
                if all(wait.due < due for wait in run.waits if wait.index == index):
                    run.waits = [wait for wait in run.waits if wait.index != index]
                    run.waits.append(Wait(due, index))
                run.cause = step.event.origin

    def remember(self, step: Step, journey: Document, run: Running, clause: Document) -> None:
        fields = self._guards.fields(step, run)
        view = self._guards.view(step, run, fields, journey.get("features", {}))
        made = {name: walk(value.tree, view) for name, value in clause.get("remember", {}).items()}
        run.context = run.context | made

    def take(
        self,
        step: Step,
        journey: Document,
        run: Running,
        transition: Document,
        trigger: str,
    ) -> None:
        """One transition: leave, act, enter (rules S5, S6)."""
        self.remember(step, journey, run, transition)
        target = transition.get("to")
        stage = journey["stages"][run.stage]
        if target is not None:
            # What leaving itself sends belongs to no stage that is left.
            self._leave(step, run)
            self._sending.ask(step, run, stage.get("on_exit", []))
        self._sending.ask(step, run, transition.get("do", []))
        if target is None:
            return
        if target == "end":
            self.end(step, run, "COMPLETED", transition.get("outcome"), trigger)
            return
        self.write(step, run, run.stage, target, trigger)
        self.arrive(step, journey, run, target)

    def arrive(self, step: Step, journey: Document, run: Running, stage: str) -> None:
        run.stage, run.stage_entered_at = stage, step.at
        run.visits[stage] = run.visits.get(stage, 0) + 1
        run.runs, run.begun = {}, {}
        stages = journey["stages"]
        run.patterns = {
            (name, place): seen
            for (name, place), seen in run.patterns.items()
            if stages[name]["transitions"][place].get("since") == "entry"
        }
        if step.event is not None:
            run.cause = step.event.origin
        run.waits = [wait for wait in run.waits if wait.index == ABANDON]
        self._sending.ask(step, run, journey["stages"][stage].get("on_enter", []))
        for index, transition in enumerate(journey["stages"][stage].get("transitions", [])):
            if "after" in transition:
                run.waits.append(Wait(self._sending.first_due(step, run, transition), index))
            elif "at" in transition:
                run.begun[index] = step.at

    def reckon(self, step: Step) -> None:
        """Rules W2, W4: waits on the calendar follow their dates and the customer's zone.

        Reckoned anew after each input: where nothing has changed, it comes to the same.
        """
        step.acting = True
        for run in step.person.running:
            journey = self._sending.journeys[run.journey]
            ways = journey["stages"][run.stage].get("transitions", [])
            for index, begun in run.begun.items():
                before = [wait for wait in run.waits if wait.index == index]
                after = self._appointed(step, run, ways[index]["at"], begun, index)
                run.waits = [wait for wait in run.waits if wait not in before] + after
                if step.event is not None and [w.due for w in before] != [w.due for w in after]:
                    run.cause = step.event.origin
        step.acting = False

    def _appointed(
        self, step: Step, run: Running, rule: Document, begun: int, index: int
    ) -> list[Wait]:
        journey = self._sending.journeys[run.journey]
        view = self._guards.view(step, run, {}, journey.get("features", {}))
        try:
            value = walk(rule["date"].tree, view) if "date" in rule else None
            zone = self._guards.profile.zone(step.person.past, step.at)
            days = self._guards.profile.calendars
            later = appointments.spread(rule, step.person.key, run.journey, run.stage)
            # What is late changes nothing of what is to come.
            due = appointments.due(rule, value, begun, max(step.at, begun) - later, zone, days)
        except (NoValue, Warming, ValueError):
            return []
        if due is None or (due + later <= step.at and rule.get("if_past") == "skip"):
            return []
        past = due + later <= step.at
        return [Wait(max(due + later, step.at), index, past and rule.get("if_past") == "exit")]

    def settle(self, step: Step, journey: Document, run: Running) -> None:
        """Rule S3: only `always`, at most 32 microsteps."""
        for microstep in range(MICROSTEPS + 1):
            step.acting = True
            trigger, transition = self._at_once(step, journey, run)
            step.acting = False
            if transition is None:
                return
            if microstep == MICROSTEPS:
                self.end(step, run, "LOOP", None, trigger)
                return
            self.take(step, journey, run, transition, trigger)
            if run.ended:
                return

    def _at_once(self, step: Step, journey: Document, run: Running) -> tuple[str, Document | None]:
        """The way that needs no event: out of a junction (rules J1, J2), or `always`."""
        stage = journey["stages"][run.stage]
        if "split" in stage:
            arm = self._experiments.arm(step.person, run, stage["split"])
            return "split", stage["split"]["arms"][arm]
        ways = stage.get("choose") or [w for w in stage.get("transitions", []) if "always" in w]
        holding = (
            way
            for way in ways
            if self._guards.holds(step, way.get("when"), journey, run, {}) is None
        )
        return ("choose" if "choose" in stage else "always"), first(holding)

    def end(
        self,
        step: Step,
        run: Running,
        end: str,
        label: str | None,
        trigger: str,
    ) -> None:
        """Rules S8, A7: timers gone, what waits or is held back is cancelled."""
        person = step.person
        run.ended, run.ended_at, run.waits = end, step.at, []
        person.running = [other for other in person.running if other is not run]
        if end != "MERGED":
            person.left.setdefault(run.journey, []).append((run.key, step.at))
        self.write(step, run, run.stage, None, trigger, end=end, label=label)
        if end in CANCELLING:
            self._sending.cancel(step, run, {"end", "leave"}, None)

    def _leave(self, step: Step, run: Running) -> None:
        self._sending.cancel(step, run, {"leave"}, (run.stage, run.visits[run.stage]))

    def wait_for_abandon(self, journey: Document, run: Running) -> None:
        """Rule I7."""
        if "abandon" in journey:
            run.waits = [wait for wait in run.waits if wait.index != ABANDON]
            run.waits.append(Wait(run.reached_at + millis(journey["abandon"]["after"]), ABANDON))

    def follow(self, step: Step, candidate: Candidate, outcome: str, moved: Counter[int]) -> None:
        """Rule C9: where an instance goes whose send came to nothing, at most 32 times (S3)."""
        rule, run = candidate.action.get("on_suppressed", "continue"), candidate.run
        if isinstance(rule, dict) and "to" not in rule:
            rule = rule.get(outcome, rule.get("else", "continue"))
        stands = (run.stage, run.visits[run.stage]) == (candidate.stage, candidate.visit)
        if outcome in _NOT_FOLLOWED or rule == "continue" or run.ended or not stands:
            return
        journey = self._sending.journeys[run.journey]
        to = "end" if rule == "end" else rule["to"]
        moved[id(run)] += 1
        if moved[id(run)] > MICROSTEPS:
            self.end(step, run, "LOOP", None, "suppressed")
            return
        self.take(step, journey, run, {"to": to}, "suppressed")
        self.settle_if_moved(step, journey, run, {"to": to})

    def settle_if_moved(
        self, step: Step, journey: Document, run: Running, transition: Document
    ) -> None:
        if "to" in transition and run.ended is None:
            self.settle(step, journey, run)

    def write(
        self, step: Step, run: Running, from_: str | None, to: str | None, trigger: str, **more: Any
    ) -> None:
        step.answer.transitions.append(
            {
                "customer_id": step.person.customer_id,
                "anonymous_id": step.anonymous_id,
                "journey": run.journey,
                "version": self._sending.journeys[run.journey]["version"],
                "key": run.key,
                "entry_no": run.entry_no,
                "from_stage": from_,
                "to_stage": to,
                "trigger": trigger,
                "end": more.get("end"),
                "label": more.get("label"),
                "milestone": more.get("milestone"),
                "experiment": None,
                "switch_to": None,
                "refused": None,
                "occurred_at": step.at,
                "logged_at": step.now,
                "due_at": step.at if step.event is None or step.waited else None,
                "event_id": cause(step, run)[0],
            }
        )


def _trigger(step: Step, transition: Document) -> str:
    if "on" in transition:
        assert step.event is not None
        return step.event.type
    return "always" if "always" in transition else "when"
