"""What a guard of the naive interpreter sees, and whether it holds (rules S2, S7, I8)."""

from typing import Any

from tests.properties.memory import Running, Step
from tests.properties.profile import Profile, event_fields, past_without
from tests.properties.trees import Cel, NoValue, View, walk

Document = dict[str, Any]


class Warming(Exception):  # noqa: N818 - an answer, nobody's error
    """A feature is asked for before its `warm_up` has passed (rule K3)."""


class Guards:
    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.members: Any = None
        """Of an account: the customers who belong to it."""

    def view(  # noqa: C901 - one word of I8 a case
        self, step: Step, run: Running | None, fields: Document, private: Document
    ) -> View:
        past, at = step.person.past, step.at

        def answer(what: str, *names_: str) -> Any:  # noqa: C901, PLR0911, PLR0912 - one word of I8 a case
            match what:
                case "event":
                    if names_[0] not in fields:
                        raise NoValue
                    return fields[names_[0]]
                case "customer":
                    return self.profile.trait(past, names_[0], at)
                case "features":
                    if self.profile.warming(past, private, names_[0], at):
                        raise Warming
                    return self.profile.feature(past, private, names_[0], at)
                case "complete":
                    return self.profile.complete(past, private, names_[0], at)
                case "consent":
                    return self.profile.consent(past, names_[0], names_[1])
                case "reachable":
                    return self.profile.reachable(past, names_[0])
                case "in_journey":
                    return names_[0] in step.live
                case "changed":
                    return self._changed(step, names_[0])
                case "now":
                    return step.now
                case "instance" if names_[0] == "members" and self.members is not None:
                    return self.members(step.person)
                case "milestones":
                    return _milestone(run, names_[0])
                case _:
                    return _own(step, run, what, names_[0])

        return answer

    def _changed(self, step: Step, trait: str) -> bool:
        if step.event is None:
            return False
        before = past_without(step.person, step.event)
        now = self.profile.trait(step.person.past, trait, None)
        return bool(now != self.profile.trait(before, trait, None))

    def holds(
        self,
        step: Step,
        guard: Cel | None,
        journey: Document,
        run: Running | None,
        fields: Document,
    ) -> str | None:
        """None where the guard holds, else why not (rule S7)."""
        if guard is None:
            return None
        try:
            value = walk(guard.tree, self.view(step, run, fields, journey.get("features", {})))
        except NoValue:
            return "GUARD_ERROR"
        except Warming:
            return "WARMING"
        return None if value is True else "GUARD_FALSE"

    def fields(self, step: Step, run: Running | None) -> Document:
        """Rule I2: the feedback on a command also says which send it was."""
        if step.event is None:
            return {}
        fields = event_fields(step.event)
        if run is not None and "command_id" in fields:
            sends = [i.send for i in run.issued if i.command_id == fields["command_id"]]
            return fields | {"send": sends[0] if sends else None}
        return fields


def _own(step: Step, run: Running | None, what: str, name: str) -> Any:
    """What the instance knows of itself: guards see it as it was before the step (rule S2)."""
    if run is None:
        raise NoValue
    match what:
        case "instance":
            context = run.context if step.acting else step.contexts.get(id(run), run.context)
            if name not in context:
                raise NoValue
            return context[name]
        case "entered_at":
            return run.entered_at if name == "instance" else run.stage_entered_at
        case "visits":
            return step.visits.get(id(run), {}).get(name, 0)
        case _:
            raise AssertionError(what)


def _milestone(run: Running | None, name: str) -> Any:
    """Rule I5: whether it is reached; `missing`: the names of the others."""
    if run is None:
        raise NoValue
    if name == "missing":
        return sorted(set(run.to_reach) - set(run.milestones))
    return name in run.milestones
