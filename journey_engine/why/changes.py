"""The smallest single changes that would have sent it: guessed here, believed once run again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from journey_engine.decide.event import Event, Origin, changed
from journey_engine.decide.explain import HIDDEN, shown, time_of
from journey_engine.decide.state import CustomerState, Written
from journey_engine.define.expression import Value
from journey_engine.define.personal import Personal
from journey_engine.define.plan import JourneyPlan, Plan
from journey_engine.define.solutions import solutions
from journey_engine.schemas import Schemas
from journey_engine.testing.moves import Fields, Moves, guards_of
from journey_engine.why.past import Made, Patch, Taken, World, decided, refusals
from journey_engine.why.policies import looser
from journey_engine.why.question import Told, Wanted, sent

RERUNS_MAX: Final = 400
"""Most changes that are tried."""
DECISIONS_MAX: Final = 100_000
"""Most decisions that trying them takes, for customers with a long past."""
FOUND_MAX: Final = 3
"""Most changes that are told, each of another kind."""
_EVENTS_MAX: Final = 40
"""The latest events of the customer, which a change may touch."""
_NEAR_MAX: Final = 5
"""The latest of them right after which one more may have come."""
_MOMENT: Final = 60_000
"""How long before a wait had to begin one event more comes."""
_HOUR: Final = 3_600_000
_HOURS: Final = (1, 2, 4, 8, 12)
_OWN: Final = frozenset({"event_id", "customer_id", "anonymous_id", "occurred_at", "command_id"})
"""Fields that say who and when: another value would be another story."""


class Change(NamedTuple):
    """One thing otherwise. `kind` is `consent reach trait field sooner less more`, or
    one of `policies.looser`.
    """

    kind: str
    sentence: str
    world: World


class Changes:
    """What may be tried for an action that was not sent; `refused` is its last refusal, if any."""

    def __init__(
        self,
        world: World,
        made: Sequence[Made],
        asked: Sequence[Wanted],
        refused: Told | None,
        schemas: Schemas,
        hidden: Personal,
    ) -> None:
        self._world = world
        self._made = made
        self._asked = asked
        self._refused = refused
        self._schemas = schemas
        self._hidden = hidden

    def confirmed(self) -> list[Change]:
        """Those after which it is sent once more often, of each kind the first."""
        before = sent(self._made, self._asked)
        found: dict[str, Change] = {}
        taken = 0
        for change in islice(self._guessed(), RERUNS_MAX):
            if change.kind in found:
                continue
            made = decided(change.world)
            taken += len(made)
            if sent(made, self._asked) > before:
                found[change.kind] = change
            if len(found) == FOUND_MAX or taken > DECISIONS_MAX:
                break
        return list(found.values())

    def _guessed(self) -> Iterator[Change]:
        """From small to large."""
        yield from self._known()
        for kind, told, plan in looser(self._plan()):
            yield Change(kind, told, self._world.under(plan, self._at()))
        yield from self._fields()
        yield from self._sooner()
        yield from self._less()
        yield from self._more()

    def _journeys(self) -> list[JourneyPlan]:
        return list(dict.fromkeys(each.journey for each in self._asked))

    def _at(self) -> int:
        return self._world.until if self._refused is None else self._refused.made.now

    def _plan(self) -> Plan:
        """The one in force when it was decided."""
        return self._world.plan_at(self._at())

    def _known(self) -> Iterator[Change]:
        """Had something else been known of the customer when it was decided."""
        for journey, action in self._asked:
            for channel in action.channels:
                cell = f"{journey.purpose}/{channel}"
                told = f"with consent to {journey.purpose} on {channel}"
                yield self._patched("consent", told, _consents(cell), journey)
            for channel in action.channels:
                told = f"with an address on {channel}"
                yield self._patched("reach", told, _reaches(channel), journey)
        for journey in self._journeys():
            for name, value in _wanted(journey, "customer"):
                if name in self._plan().trait_valid:
                    told = f"with the trait {name} = {shown(value)}"
                    yield self._patched("trait", told, _knows(name, value), journey)

    def _patched(self, kind: str, told: str, patch: Patch, journey: JourneyPlan) -> Change:
        at = self._known_by(journey)
        return Change(kind, told, replace(self._world, patch=patch, patched_at=at))

    def _known_by(self, journey: JourneyPlan) -> int:
        """When it had to be known: when it was refused, or last the entry of its journey."""
        if self._refused is not None:
            return self._refused.made.now
        return max((each.now for each in self._made if refusals(each, journey.name)), default=0)

    def _events(self) -> list[tuple[int, Taken, Event]]:
        """The latest events first, with their places."""
        found = [
            (place, each, each.given)
            for place, each in enumerate(self._world.taken)
            if isinstance(each.given, Event) and each.now <= self._at()
        ]
        return found[: -_EVENTS_MAX - 1 : -1]

    def _kind(self, event_type: str, name: str) -> str:
        """As the schema says; of the `send` that feedback names, nothing."""
        field = self._schemas.events[event_type].fields.get(name)
        return "" if field is None else field.kind

    def _said(self, event_type: str, variant: Mapping[str, Value]) -> str:
        told = ", ".join(
            f"{name} = {shown(value, self._kind(event_type, name))}"
            for name, value in variant.items()
        )
        return f" ({told})" if told else ""

    def _fields(self) -> Iterator[Change]:
        """Had one field of one event been at the boundary of a guard."""
        moves = [Moves(self._plan(), self._schemas, each) for each in self._journeys()]
        for place, each, event in self._events():
            variants = [v for move in moves for v in move.by_type.get(event.type, ())]
            tried: list[tuple[str, Value]] = []
            for name, value in (pair for variant in variants for pair in variant.items()):
                old = event.fields.get(name)
                if name in _OWN or name not in event.fields or (name, value) in tried:
                    continue
                if old != value:
                    tried.append((name, value))
                    fields = {**event.fields, name: value}
                    other = changed(event, fields=fields)
                    kind = self._kind(event.type, name)
                    was = HIDDEN if self._hidden.hides("event", name) else shown(old, kind)
                    told = f"with {name} = {shown(value, kind)} instead of {was} in {_title(event)}"
                    yield self._with("field", told, place, [each._replace(given=other)], 1)

    def _sooner(self) -> Iterator[Change]:
        """Had an event come hours before."""
        for place, _, event in self._events()[:_NEAR_MAX]:
            for hours in _HOURS:
                at = event.occurred_at - hours * _HOUR
                earlier = changed(event, occurred_at=at, recorded_at=at)
                before = sum(1 for other in self._world.taken[:place] if other.now <= at)
                taken = [*self._world.taken[:place], *self._world.taken[place + 1 :]]
                taken.insert(before, Taken(earlier, at))
                told = f"with {_title(event)} {hours} hours before"
                yield Change("sooner", told, replace(self._world, taken=taken))

    def _less(self) -> Iterator[Change]:
        """Had one event not happened."""
        for place, _, event in self._events():
            yield self._with("less", f"without {_title(event)}", place, [], 1)

    def _more(self) -> Iterator[Change]:
        """Had one event more happened."""
        if not self._made:
            return
        for journey in self._journeys():
            moves = Moves(self._plan(), self._schemas, journey)
            for at in self._times(journey):
                for event_type, variants in moves.by_type.items():
                    for variant in variants:
                        event = self._event(moves, event_type, variant, at)
                        if event is not None:
                            place = sum(1 for each in self._world.taken if each.now <= at)
                            told = f"with one {_title(event)} more{self._said(event_type, variant)}"
                            yield self._with("more", told, place, [Taken(event, at)], 0)

    def _times(self, journey: JourneyPlan) -> list[int]:
        """When one event more may have come: before each wait would be over, or after another."""
        waits = [t.after for stage in journey.stages.values() for t in stage.transitions]
        at = self._at()
        times = [at - wait - _MOMENT for wait in sorted({0, *waits})]
        times += [each.now + 1 for _, each, _ in self._events()[:_NEAR_MAX]]
        return [time for time in dict.fromkeys(times) if 0 < time <= at]

    def _event(self, moves: Moves, event_type: str, variant: Fields, at: int) -> Event | None:
        said = dict(variant)
        if "send" in said:
            command = self._command(str(said.pop("send")), at)
            if command is None:
                return None
            said["command_id"] = command
        who = self._made[0].given
        fields = moves.fields(event_type, said) | {
            "event_id": "one-more",
            "customer_id": who.customer_id,
            "anonymous_id": who.anonymous_id,
            "occurred_at": at,
            "channel": "one-more",
            "source": "one-more",
        }
        return Event(
            type=event_type,
            event_id="one-more",
            customer_id=who.customer_id,
            anonymous_id=who.anonymous_id,
            occurred_at=at,
            channel="one-more",
            source="one-more",
            fields=fields,
            digest=b"more",
            recorded_at=at,
            origin=Origin("one-more", "", 0, 0),
        )

    def _command(self, action: str, at: int) -> str | None:
        """The last command of the action that was written by then."""
        commands = [
            command.command_id
            for made in self._made
            for command in made.decision.commands
            if command.send_id == action and command.action != "CANCEL" and made.now < at
        ]
        return commands[-1] if commands else None

    def _with(self, kind: str, told: str, place: int, put: list[Taken], gone: int) -> Change:
        taken = self._world.taken
        changed = [*taken[:place], *put, *taken[place + gone :]]
        return Change(kind, told, replace(self._world, taken=changed))


def _wanted(journey: JourneyPlan, root: str) -> list[tuple[str, Value]]:
    """The values that guards of the journey want of what lies under a root."""
    trees = [guard.tree for guard in guards_of(journey) if guard.tree is not None]
    found = [pair for tree in trees for solution in solutions(tree) for pair in solution.items()]
    pairs = [(operand.partition("."), value) for operand, value in found]
    return list(dict.fromkeys((path[2], v) for path, v in pairs if path[0] == root and path[2]))


def _consents(cell: str) -> Patch:
    def patch(state: CustomerState, at: int) -> CustomerState:
        consent = {**state.consent, cell: Written(value=True, at=at, event_id="")}
        return msgspec.structs.replace(state, consent=consent)

    return patch


def _reaches(channel: str) -> Patch:
    def patch(state: CustomerState, at: int) -> CustomerState:
        reach = {**state.reach, channel: Written(value=True, at=at, event_id="")}
        return msgspec.structs.replace(state, reach=reach)

    return patch


def _knows(trait: str, value: Value) -> Patch:
    def patch(state: CustomerState, at: int) -> CustomerState:
        traits = {**state.traits, trait: Written(value, at, "")}
        return msgspec.structs.replace(state, traits=traits)

    return patch


def _title(event: Event) -> str:
    name = "" if event.event_id == "one-more" else f" ({event.event_id})"
    return f"{event.type} of {time_of(event.occurred_at)}{name}"
