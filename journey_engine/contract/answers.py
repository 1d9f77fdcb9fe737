"""What a sender's answers are held against: schema, key, cause, order, times."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from journey_engine.contract.channels import Company
from journey_engine.contract.errands import Errand, Wants
from journey_engine.contract.golden_commands import CANCEL
from journey_engine.contract.intake import MARK, Told
from journey_engine.decide.event import Event
from journey_engine.define.action_plan import ActionKind
from journey_engine.define.feedback import ANSWERED, CLOSED, DELIVERED, RETURNED

SKEW_MS: Final = 1_000
"""How far the sender's clock may be from ours."""
EVENTS: Final = "events"
"""The finding on events that belong to no errand."""
_OPENED: Final = frozenset({"MessageOpened", "MessageClicked"})
_LAST: Final = frozenset({DELIVERED}) | RETURNED | CLOSED
"""Of one command one of these comes, once."""


class Finding(NamedTuple):
    """What came of an errand; all is well without faults."""

    name: str
    about: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Watched:
    errand: Errand
    ids: dict[str, str] = field(default_factory=dict)
    """The event's id by the type of the answer."""
    faults: list[str] = field(default_factory=list)


class Examination:
    """Takes what comes back and says what is wrong with it. Times are milliseconds."""

    def __init__(self, company: Company, errands: Iterable[Errand] = ()) -> None:
        self._company = company
        self._by_id: dict[str, _Watched] = {}
        self._by_name: dict[str, _Watched] = {}
        self._stray: list[str] = []
        for errand in errands:
            self.ask(errand)

    def ask(self, errand: Errand) -> None:
        """Watch one more."""
        watched = _Watched(errand)
        self._by_id[errand.command.command_id] = self._by_name[errand.name] = watched

    def take(self, told: Told, now: int) -> None:
        """An event that came at `now`."""
        event = told.event
        watched = None if event is None else self._by_id.get(str(event.fields.get("command_id")))
        if not told.good:
            place = f"{told.topic}, partition {told.partition} at {told.offset}"
            faults = self._stray if watched is None else watched.faults
            faults.append(f"{place}: {told.code}: {told.message}")
        if event is None or told.code == MARK:
            return
        if watched is not None:
            watched.faults += self._faults(event, watched, now)
            watched.ids.setdefault(event.type, event.event_id)
        elif "command_id" in event.fields:
            named = event.fields["command_id"]
            self._stray.append(f"{event.type} answers a command that was not asked: {named}")

    def waits(self) -> bool:
        """Whether an answer is still missing."""
        return any(each.errand.wants is Wants.ANSWER and not each.ids for each in self._watched)

    def findings(self) -> list[Finding]:
        """Of each errand, then of what belongs to none."""
        found = [
            Finding(each.errand.name, each.errand.about, (*each.faults, *self._missing(each)))
            for each in self._watched
        ]
        about = "every answer is a good event and names a command that was asked"
        return [*found, Finding(EVENTS, about, tuple(self._stray))]

    @property
    def _watched(self) -> Iterable[_Watched]:
        return self._by_name.values()

    def _missing(self, watched: _Watched) -> list[str]:
        errand = watched.errand
        if errand.wants is not Wants.ANSWER or watched.ids:
            return []
        kind = ActionKind(errand.command.action)
        return [f"no answer came in time: one of {', '.join(self._company.answers(kind))}"]

    def _faults(self, event: Event, watched: _Watched, now: int) -> Iterable[str]:
        errand, command = watched.errand, watched.errand.command
        if errand.wants is Wants.NOTHING:
            yield f"{event.type} came, and nothing should have been done"
        if event.type in ANSWERED and ANSWERED[event.type] != command.action != CANCEL:
            yield f"{event.type} does not answer a {command.action}"
        if (event.customer_id, event.anonymous_id) != (command.customer_id, command.anonymous_id):
            who = event.customer_id or event.anonymous_id
            yield f"{event.type} is of {who}, not of whom its command names"
        if event.channel != command.channel:
            yield f"{event.type} names the channel {event.channel}, not {command.channel}"
        if min(now, event.occurred_at) < command.not_before - SKEW_MS:
            early = command.not_before - min(now, event.occurred_at)
            yield f"{event.type} came {early} ms before its not_before"
        yield from self._order(event, watched)

    def _order(self, event: Event, watched: _Watched) -> Iterable[str]:
        before = watched.errand.after
        if before is not None and not self._by_name[before].ids:
            yield f"{event.type} came before {before} was answered"
        if event.type in _OPENED and DELIVERED not in watched.ids:
            yield f"{event.type} came before {DELIVERED}"
        if event.type not in _LAST:
            return
        for type_, event_id in watched.ids.items():
            if type_ in _LAST and (type_, event_id) != (event.type, event.event_id):
                yield f"{event.type} ({event.event_id}) came behind {type_} ({event_id})"
