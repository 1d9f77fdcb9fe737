"""Which instance an event reaches: the key rules of I1 and I2."""

from collections.abc import Sequence
from dataclasses import dataclass

from journey_engine.define.expression import Expression
from journey_engine.define.expressions import NOTHING, Expressions
from journey_engine.define.guards import ExpressionError
from journey_engine.define.place import Place


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How a clause finds its instances, as in `Clause`."""

    key: Expression | None = None
    whole_customer: bool = False


class Routing:
    """Routes the clauses of one journey; `by_type` is the first route of each event type."""

    def __init__(
        self, key: str | None, place: Place, types: Sequence[str], expressions: Expressions
    ) -> None:
        """`types` are the published types that the journey reads, those of its entries first."""
        self._key = key
        self._place = place.at("key")
        self._expressions = expressions
        self._key_fields = self._fields_of_key(types) if key is not None else frozenset()
        self.by_type: dict[str, Route] = {}

    def entry(self, place: Place, types: Sequence[str], own_key: str | None) -> Route:
        """The route of an entry clause: it needs a key even where its type is feedback."""
        return self._noted(types, self._route(place, types, types, own_key))

    def clause(
        self, place: Place, types: Sequence[str], own_key: str | None, scope: str | None
    ) -> Route:
        """The route of another clause; feedback finds its instance by its command (I2)."""
        if scope is not None:
            if own_key is not None:
                message = "`scope: customer` reaches every instance; it needs no `key`"
                place.at("scope").key_error("KEY_AND_SCOPE", message, "leave one of them out")
            return self._noted(types, Route(whole_customer=True))
        events = self._expressions.schemas.events
        keyed = [name for name in types if "command_id" not in events[name].fields]
        return self._noted(types, self._route(place, types, keyed, own_key))

    def _noted(self, types: Sequence[str], route: Route) -> Route:
        for event_type in types:
            self.by_type.setdefault(event_type, route)
        return route

    def _route(
        self, place: Place, types: Sequence[str], keyed: Sequence[str], own_key: str | None
    ) -> Route:
        if self._key is None:
            if own_key is not None:
                message = "the journey has no `key`, so a clause cannot have one"
                place.at("key").key_error("KEY_NOT_DECLARED", message, "give the journey a `key`")
            return Route()
        if not types or not keyed:
            return Route()
        if own_key is not None:
            at = place.at("key")
            return Route(self._expressions.compile(at, own_key, NOTHING, keyed, "string"))
        if not self._key_fields or self._misses_fields(place, keyed):
            return Route()
        return Route(self._expressions.compile(self._place, self._key, NOTHING, keyed, "string"))

    def _misses_fields(self, place: Place, types: Sequence[str]) -> bool:
        events = self._expressions.schemas.events
        found = False
        for event_type in types:
            for name in sorted(self._key_fields - events[event_type].fields.keys()):
                found = True
                place.at("on").key_error(
                    "KEY_MISSING",
                    f"`{event_type}` has no field `{name}`, which the journey's key reads",
                    "name the clause's own `key`, or say `scope: customer`",
                )
        return found

    def _fields_of_key(self, types: Sequence[str]) -> frozenset[str]:
        """The event fields that the key reads; empty where it is wrong, which was reported."""
        key = str(self._key)
        for event_type in types:
            try:
                found = self._expressions.attempt(key, NOTHING.declared, (event_type,), "string")
            except ExpressionError:
                continue
            fields = frozenset(name for root, name in found.reads if root == "event")
            if not fields:
                message = "the key reads no field of the event"
                self._place.error("KEY_CONSTANT", message, "such as `event.cart_id`")
            return fields
        self._expressions.compile(self._place, key, NOTHING, types[:1], "string")
        return frozenset()
