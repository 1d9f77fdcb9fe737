"""What an instance remembers, and of what kind it is (rule I4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from journey_engine.define.descriptors import MEMBERS
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.guards import Declared, ExpressionError
from journey_engine.define.place import Place

CONTEXT_FIELDS_MAX: Final = 32
"""Most fields that an instance remembers (rule I4)."""
_ENTERED_AT: Final = "entered_at"
_KINDS: Final = frozenset({"bool", "int", "double", "string", "timestamp", "duration"})


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """One `name: expression` of a `remember`."""

    place: Place
    name: str
    text: str
    types: tuple[str, ...]
    at_entry: bool = False


def infer_context(
    document: JourneyDocument, place: Place, names: tuple[Names, Names], expressions: Expressions
) -> Names:
    """What expressions of a live instance may name: `names` are those of entries and those of live
    instances without their context, which is typed here.

    A field may be remembered from another, so kinds are found until no more are. A field whose
    expressions are wrong, or of several kinds, is broken and reported at its place.
    """
    entry, own = names
    every = list(_remembered(document, place))
    written = [item for item in every if _readable(item, expressions)]
    kinds = _settle(written, entry.declared, own.declared, expressions)
    live = replace(own, declared=replace(own.declared, context=kinds))
    # Their event types are reported where the clauses are compiled.
    broken = {f"instance.{item.name}" for item in every if item not in written}
    for item in written:
        if _is_wrong(item, entry if item.at_entry else live, kinds, expressions):
            broken.add(f"instance.{item.name}")
    fields = {item.name for item in every}
    if len(fields) > CONTEXT_FIELDS_MAX:
        message = f"{len(fields)} fields are remembered, at most {CONTEXT_FIELDS_MAX} can be"
        place.at("journey").key_error("CONTEXT_LIMIT", message, "remember what is read later")
    return replace(live, broken=live.broken | broken)


def _settle(
    written: Sequence[Remembered],
    entry: Declared,
    own: Declared,
    expressions: Expressions,
) -> dict[str, str]:
    kinds: dict[str, str] = {}
    while True:
        live = replace(own, context=dict(kinds))
        found: dict[str, str] = {}
        for item in written:
            if item.name in kinds or item.name in found:
                continue
            declared = entry if item.at_entry else live
            try:
                kind = expressions.attempt(item.text, declared, item.types).kind
            except ExpressionError:
                continue
            if kind != "null":
                found[item.name] = kind
        if not found:
            return kinds
        kinds.update(found)


def _is_wrong(
    item: Remembered, names: Names, kinds: dict[str, str], expressions: Expressions
) -> bool:
    if item.name == _ENTERED_AT or (names.declared.of_account and item.name == MEMBERS):
        item.place.key_error(
            "RESERVED_NAME", f"`instance.{item.name}` is the engine's own", "take another name"
        )
        return True
    if names.touches_broken(item.text):
        return True
    expression = expressions.compile(item.place, item.text, names, item.types)
    if expression is None:
        return True
    known = kinds.get(item.name, "null")
    kind = expression.kind.removeprefix("list<").removesuffix(">")
    if expression.kind != "null" and kind not in _KINDS:
        item.place.error(
            "CONTEXT_KIND", f"a {expression.kind} cannot be remembered", "remember one value of it"
        )
        return True
    if expression.kind not in {known, "null"}:
        message = f"`{item.name}` is a {expression.kind} here and a {known} elsewhere"
        item.place.error("CONTEXT_KIND", message, "a remembered field has one type")
        return True
    return False


def _readable(item: Remembered, expressions: Expressions) -> bool:
    return all(name in expressions.schemas.events for name in item.types)


def _remembered(document: JourneyDocument, place: Place) -> Iterator[Remembered]:
    """All of them, those of entries first."""
    for index, entry in enumerate(document.entry):
        at = place.at("entry", index, "remember")
        yield from _items(entry.remember, at, tuple(entry.tells), at_entry=True)
    for index, update in enumerate(document.updates):
        at = place.at("updates", index, "remember")
        yield from _items(update.remember, at, tuple(update.on))
    for name, stage in sorted(document.stages.items()):
        for index, transition in enumerate(stage.transitions):
            at = place.at("stages", name, "transitions", index, "remember")
            yield from _items(transition.remember, at, document.leading(transition.tells))


def _items(
    remember: dict[str, str], place: Place, types: tuple[str, ...], *, at_entry: bool = False
) -> Iterator[Remembered]:
    for name, text in sorted(remember.items()):
        yield Remembered(place.at(name), name, text, tuple(sorted(types)), at_entry)
