"""What the naive interpreter knows of a customer: found anew in the whole past each time."""

from typing import Any
from zoneinfo import ZoneInfo

from tests.properties.appointments import zone_of
from tests.properties.memory import Happened, Person, millis
from tests.properties.trees import Cel, NoValue, View, walk

Document = dict[str, Any]
DAY = 24 * 3_600_000
ENOUGH = 5
"""Deliveries on a channel from which on answers there tell a preference (rule C7)."""
GIVEN = "given"
"""The type of what a test says was known before: fields `traits`, `consent`, `reachable`."""


def event_fields(event: Happened) -> dict[str, Any]:
    shared = {
        "event_id": event.event_id,
        "customer_id": event.customer_id,
        "anonymous_id": event.anonymous_id,
        "occurred_at": event.at,
        "channel": event.channel,
        "source": event.source,
    }
    return shared | event.fields


def reads_only(fields: dict[str, Any]) -> View:
    """A view that answers `event.*` and nothing else."""

    def view(what: str, *names: str) -> Any:
        if what != "event" or names[0] not in fields:
            raise NoValue
        return fields[names[0]]

    return view


def true_of(guard: Cel | None, view: View) -> bool:
    """Rule S7: a guard that fails to evaluate is false."""
    if guard is None:
        return True
    try:
        return walk(guard.tree, view) is True
    except NoValue:
        return False


def matches(rule: Document, event: Happened) -> bool:
    return event.type in names(rule["on"]) and true_of(
        rule.get("when"), reads_only(event_fields(event))
    )


def names(on: str | list[str]) -> list[str]:
    return [on] if isinstance(on, str) else on


def as_rules(rules: Any) -> list[Document]:
    """`clear: PushTokenRemoved`, `{on: …}` or a list of either."""
    listed = rules if isinstance(rules, list) else [rules]
    return [{"on": rule} if isinstance(rule, str) else rule for rule in listed]


class Profile:
    """Traits, consent, reachability and features (rules K1, K2)."""

    def __init__(self, customer: Document, policies: Document) -> None:
        self._customer = customer
        self._purposes = policies["purposes"]
        self._zone = policies.get("timezone")
        self.calendars: Document = policies.get("calendars", {})

    def types(self, features: Document) -> set[str]:
        found = {source.split(".")[0] for t in self._traits().values() for source in t["from"]}
        for rule in self._consent_rules():
            found.update(names(rule[1]["on"]))
        for channel in self._customer.get("reachable", {}).values():
            for side in channel.values():
                found.update(type_ for rule in as_rules(side) for type_ in names(rule["on"]))
        for sources in self._customer.get("account", {}).values():
            found.update(source.split(".")[0] for source in sources)
        for feature in (self._customer.get("features", {}) | features).values():
            found.add(_operation(feature)[1].split(".")[0])
        return found

    def trait(self, past: list[Happened], name: str, at: int | None) -> Any:
        """The last writer by `occurred_at`, tie by event id; null once too old for `at`."""
        declared = self._traits()[name]
        best: tuple[int, str] | None = None
        value: Any = None
        for event in past:
            for written in _written(event, name, declared["from"]):
                if best is None or (event.at, event.event_id) > best:
                    best, value = (event.at, event.event_id), written
        if at is None or best is None or "valid" not in declared:
            return value
        return None if at - best[0] > millis(declared["valid"]) else value

    def preferred_channel(self, past: list[Happened], at: int) -> Any:
        """What the customer declared, if `customer.yaml` says how (rule C7)."""
        known = "preferred_channel" in self._traits()
        return self.trait(past, "preferred_channel", at) if known else None

    def liking(self, past: list[Happened], channel: str, at: int) -> int:
        """3 a click, 1 an open, -5 a bounce, over 90 days, from five deliveries on (rule C7)."""
        lately = [e.type for e in past if e.channel == channel and e.at > at - 90 * DAY]
        if lately.count("MessageDelivered") < ENOUGH:
            return 0
        return (
            3 * lately.count("MessageClicked")
            + lately.count("MessageOpened")
            - 5 * lately.count("MessageBounced")
        )

    def zone(self, past: list[Happened], at: int) -> ZoneInfo:
        """The customer's, else the policies', else UTC (rule W5)."""
        own = self.trait(past, "timezone", at) if "timezone" in self._traits() else None
        return zone_of(own, self._zone)

    def consent(self, past: list[Happened], purpose: str, channel: str) -> bool:
        """The cell of (purpose, channel), else the one for any channel, else the default."""
        if self._purposes[purpose]["consent"] == "none":
            return True
        exact = self._cell(past, purpose, channel)
        anywhere = self._cell(past, purpose, None)
        known = [cell for cell in (exact, anywhere) if cell is not None]
        if known:
            # Of one event the word for the very channel counts.
            return max(known, key=lambda cell: cell[:2])[2]
        default = self._customer.get("consent", {}).get("default", {}).get(purpose)
        if default is None:
            return bool(self._purposes[purpose]["consent"] == "opt_out")
        return bool(default == "granted")

    def _cell(
        self, past: list[Happened], purpose: str, channel: str | None
    ) -> tuple[int, str, bool] | None:
        written = [
            (event.at, event.event_id, granted)
            for event in past
            for cell, granted in self.consent_writes(event)
            if cell == (purpose, channel)
        ]
        return max(written, default=None)

    def consent_writes(self, event: Happened) -> list[tuple[tuple[str, str | None], bool]]:
        """The cells that an event writes: ((purpose, channel), granted)."""
        if event.type == GIVEN:
            cells: list[tuple[tuple[str, str | None], bool]] = event.fields["consent"]
            return cells
        view = reads_only(event_fields(event))
        writes = []
        for granting, rule in self._consent_rules():
            if matches(rule, event):
                channel = walk(rule["channel"].tree, view) if "channel" in rule else None
                granted = walk(rule["granted"].tree, view) if granting else False
                writes.append(((walk(rule["purpose"].tree, view), channel), granted))
        return writes

    def withdrawn(self, past: list[Happened], event: Happened) -> set[str]:
        """The purposes of the cells that this event, and no later one, has withdrawn."""
        return {
            cell[0]
            for cell, granted in self.consent_writes(event)
            if not granted and self._cell(past, *cell) == (event.at, event.event_id, False)
        }

    def reachable(self, past: list[Happened], channel: str) -> bool:
        """Set and cleared by events; a channel never mentioned is reachable."""
        declared = self._customer.get("reachable", {}).get(channel)
        if declared is None:
            return True
        written = [
            (event.at, event.event_id, side == "set")
            for event in past
            for side in ("set", "clear")
            for rule in as_rules(declared.get(side, []))
            if matches(rule, event)
        ]
        written += [
            (event.at, event.event_id, True)
            for event in past
            if event.type == GIVEN and channel in event.fields["reachable"]
        ]
        return max(written)[2] if written else False

    def feature(self, past: list[Happened], private: Document, name: str, at: int) -> Any:
        """The value over the window `(at - within, at]`, or over all that is known."""
        declared = private.get(name) or self._customer["features"][name]
        operation, source = _operation(declared)
        type_, _, field_name = source.partition(".")
        inside = [
            event
            for event in past
            if event.type == type_
            and ("within" not in declared or 0 <= at - event.at < millis(declared["within"]))
            and true_of(declared.get("where"), reads_only(event_fields(event)))
        ]
        inside.sort(key=lambda event: event.at)
        if "fields" in declared:
            told = [{f: e.fields[f] for f in declared["fields"]} | {"at": e.at} for e in inside]
            return _fold(operation, told, declared)
        if not field_name:
            return _fold(operation, inside, declared)
        values = [event.fields[field_name] for event in inside]
        return _fold(operation, [value for value in values if value is not None], declared)

    def complete(self, past: list[Happened], private: Document, name: str, at: int) -> bool:
        """Rule K3: whether the window is full since the first input; without one, never."""
        declared = private.get(name) or self._customer["features"][name]
        return "within" in declared and at - _since(past, declared) >= millis(declared["within"])

    def warming(self, past: list[Happened], private: Document, name: str, at: int) -> bool:
        """Rule K3: whether guards may not ask for it yet."""
        declared = private.get(name) or self._customer["features"][name]
        return "warm_up" in declared and at - _since(past, declared) < millis(declared["warm_up"])

    def _traits(self) -> dict[str, Any]:
        traits: dict[str, Any] = self._customer.get("traits", {})
        return traits

    def _consent_rules(self) -> list[tuple[bool, Document]]:
        consent = self._customer.get("consent", {})
        return [(True, rule) for rule in as_rules(consent.get("set", []))] + [
            (False, rule) for rule in as_rules(consent.get("revoke", []))
        ]


def _written(event: Happened, trait: str, sources: list[str]) -> list[Any]:
    """The values that an event gives a trait; a null field writes none."""
    if event.type == GIVEN:
        return [event.fields["traits"][trait]] if trait in event.fields["traits"] else []
    named = [source.split(".") for source in sources]
    values = [event.fields[field_name] for type_, field_name in named if type_ == event.type]
    return [value for value in values if value is not None]


def _since(past: list[Happened], feature: Document) -> int:
    """When the engine first heard of the customer, or the time of older history of the feature's
    type, whether or not it counted there.

    Here features are never deployed later than the first input; history that comes first, of
    whatever type, was read when it came.
    """
    type_ = _operation(feature)[1].split(".")[0]
    heard = [event for event in past if event.type != GIVEN]
    first = heard[0].read_at if heard[0].backfill else heard[0].at
    return min([first, *(e.at for e in heard if e.backfill and e.type == type_)])


_OPERATIONS = ("count", "sum", "min", "max", "first", "last", "recent", "distinct")


def _operation(feature: Document) -> tuple[str, str]:
    return next((word, feature[word]) for word in _OPERATIONS if word in feature)


def _fold(operation: str, values: list[Any], declared: Document) -> Any:  # noqa: PLR0911 - one operation a case
    match operation:
        case "count":
            return len(values)
        case "sum":
            return sum(values)
        case "distinct":
            return len(set(values))
        case "recent":
            return values[-declared.get("keep", 64) :]
        case "first":
            return values[0] if values else None
        case "last":
            return values[-1] if values else None
        case "min":
            return min(values, default=None)
        case _:
            return max(values, default=None)


def past_without(person: Person, event: Happened) -> list[Happened]:
    return [earlier for earlier in person.past if earlier is not event]
