"""`features` of customer.yaml and of journeys: rule K2."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from journey_engine.define.expressions import NOTHING, Expressions
from journey_engine.define.form import FeatureForm
from journey_engine.define.guards import FeatureType
from journey_engine.define.place import Place
from journey_engine.define.profile_plan import FeatureOp, FeaturePlan
from journey_engine.schemas import Field

RECENT_KEEP_DEFAULT: Final = 64
_NUMBERS: Final = frozenset({"int", "double"})
_ORDERED: Final = frozenset({"int", "double", "timestamp"})
_SCALARS: Final = frozenset({"bool", "int", "double", "string", "timestamp"})
_ALLOWED: Final[Mapping[FeatureOp, frozenset[str]]] = {
    FeatureOp.SUM: _NUMBERS,
    FeatureOp.MIN: _ORDERED,
    FeatureOp.MAX: _ORDERED,
    FeatureOp.FIRST: _SCALARS,
    FeatureOp.LAST: _SCALARS,
    FeatureOp.RECENT: _SCALARS,
    FeatureOp.DISTINCT: _SCALARS,
}


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """A feature and what guards see of it."""

    plan: FeaturePlan
    type: FeatureType


def compile_features(
    forms: Mapping[str, FeatureForm], place: Place, expressions: Expressions
) -> dict[str, Feature]:
    """The features by name; those that are wrong are left out and reported."""
    found = {
        name: compile_feature(form, place.at(name), expressions)
        for name, form in sorted(forms.items())
    }
    return {name: feature for name, feature in found.items() if feature is not None}


def compile_feature(form: FeatureForm, place: Place, expressions: Expressions) -> Feature | None:
    """One feature; None where it is wrong."""
    op = _operation(form, place)
    if op is None:
        return None
    event_type, fields = _target(form, op)
    at = place.at(op.value)
    if not _check_form(form, op, fields, place) or not expressions.has_type(at, event_type):
        return None
    read = [expressions.field_of(at, event_type, name) for name in fields]
    kinds = [field for field in read if field is not None]
    if len(kinds) < len(fields) or not _check_kinds(op, event_type, kinds, at):
        return None
    where = None
    if form.where is not None:
        where_at = place.at("where")
        where = expressions.compile(where_at, form.where, NOTHING, (event_type,), "bool")
    expressions.read_type(event_type)
    keep = (form.keep or RECENT_KEEP_DEFAULT) if op is FeatureOp.RECENT else None
    plan = FeaturePlan(
        id=_identity(form, op, event_type, fields, keep),
        op=op,
        event_type=event_type,
        fields=fields,
        members=bool(form.fields_),
        where=where,
        within=form.within,
        keep=keep,
        warm_up=form.warm_up,
    )
    return Feature(plan, _type(plan, kinds))


def _operation(form: FeatureForm, place: Place) -> FeatureOp | None:
    given = [op for op in FeatureOp if getattr(form, op.value) is not None]
    if len(given) == 1:
        return given[0]
    message = "a feature has one operation, here are " + (
        " and ".join(f"`{op.value}`" for op in given) or "none"
    )
    place.key_error("FEATURE_OPERATION", message, f"one of {', '.join(FeatureOp)}")
    return None


def _target(form: FeatureForm, op: FeatureOp) -> tuple[str, tuple[str, ...]]:
    event_type, _, name = str(getattr(form, op.value)).partition(".")
    if name:
        return event_type, (name,)
    return event_type, tuple(form.fields_)


def _check_form(form: FeatureForm, op: FeatureOp, fields: tuple[str, ...], place: Place) -> bool:
    problem = ""
    if form.fields_ and op not in {FeatureOp.FIRST, FeatureOp.LAST}:
        problem = "`fields` goes with `first` and `last`"
    elif form.fields_ and "." in str(getattr(form, op.value)):
        problem = "name one field after the dot, or several in `fields`"
    elif not fields and op is not FeatureOp.COUNT:
        problem = f"`{op.value}` needs a field: `Type.field`, or `fields`"
    elif form.keep is not None and op is not FeatureOp.RECENT:
        problem = "`keep` goes with `recent`"
    elif "at" in form.fields_:
        problem = "`at` is the time of the event, no field can be called so"
    elif "complete" in form.fields_:
        problem = "`complete` says whether the window is full, no field can be called so"
    if problem:
        place.key_error("FEATURE_FORM", problem, "see the features in the language page")
    return not problem


def _check_kinds(op: FeatureOp, event_type: str, fields: list[Field], place: Place) -> bool:
    allowed = _ALLOWED.get(op, frozenset())
    wrong = [field for field in fields if field.kind not in allowed]
    for field in wrong:
        message = f"`{op.value}` cannot take `{event_type}.{field.name}`, a {field.kind}"
        place.error("FEATURE_KIND", message, f"it takes {', '.join(sorted(allowed))}")
    return not wrong


def _identity(
    form: FeatureForm,
    op: FeatureOp,
    event_type: str,
    fields: tuple[str, ...],
    keep: int | None,
) -> str:
    # `warm_up` is asked when a guard reads; it changes nothing in what is stored.
    definition = [op.value, event_type, fields, bool(form.fields_), form.where, form.within, keep]
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()[:16]


def _type(plan: FeaturePlan, fields: list[Field]) -> FeatureType:
    if plan.members:
        members = {field.name: field.kind for field in fields} | {"at": "timestamp"}
        return FeatureType("message", nullable=True, members=members)
    match plan.op:
        case FeatureOp.COUNT | FeatureOp.DISTINCT:
            return FeatureType("int", nullable=False)
        case FeatureOp.SUM:
            return FeatureType(fields[0].kind, nullable=False)
        case FeatureOp.RECENT:
            return FeatureType(f"list<{fields[0].kind}>", nullable=False)
        case _:
            return FeatureType(fields[0].kind, nullable=True)
