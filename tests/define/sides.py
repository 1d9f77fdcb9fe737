"""An expression's value by CEL itself, and by our closure."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import message_factory

from journey_engine.define.expression import EvaluationError
from tests.define.generated import (
    DECLARED,
    EPOCH,
    EVENT,
    MS,
    NULL_TIMES,
    POOL,
    Snapshot,
    checked,
    compiled,
)


def message(name: str, values: Mapping[str, Any], kinds: Mapping[str, str]) -> Any:
    made = message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"journey.{name}"))()
    for field, value in values.items():
        if value is None:
            continue
        part = getattr(made, field)
        if kinds[field].startswith("list<"):
            part.extend(value)
        elif kinds[field] == "timestamp":
            part.FromDatetime(EPOCH + value * MS)
        elif kinds[field] == "duration":
            part.FromTimedelta(value * MS)
        elif hasattr(part, "value"):
            part.value = value
            part.SetInParent()
        else:
            setattr(made, field, value)
    return made


def activation(scope: Snapshot) -> dict[str, Any]:
    """The snapshot as CEL takes it."""
    features = message("features", {"n": scope.features["n"]}, {"n": "int"})
    if scope.features["last"] is not None:
        kinds = {"s": "string", "at": "timestamp"}
        features.last.CopyFrom(message("feature_last", scope.features["last"], kinds))
        features.last.SetInParent()
    entered = {"entered_at": scope.stage_entered_at}
    return {
        "event": message("event", scope.event, {n: f.kind for n, f in EVENT.items()}),
        "customer": message("customer", scope.customer, DECLARED.traits),
        "instance": message("instance", scope.instance, DECLARED.context),
        "features": features,
        "features.n.complete": scope.features["n.complete"],
        "features.last.complete": scope.features["last.complete"],
        "stage": message("stage", entered, {"entered_at": "timestamp"}),
        "now": EPOCH + scope.now * MS,
    }


def with_null_times(text: str, scope: Snapshot) -> str:
    values = {
        "event.nt": scope.event.get("nt"),
        "features.last.at": (scope.features["last"] or {}).get("at"),
        "instance.w": scope.instance.get("w"),
        "instance.v": scope.instance.get("v"),
    }
    for leaf in NULL_TIMES:
        if values[leaf] is None:
            text = re.sub(rf"(?<!has\(){re.escape(leaf)}\b", "dyn(null)", text)
    return text


def by_cel(text: str, scope: Snapshot) -> Any:
    """CEL's own value, or `EvaluationError`."""
    found = checked(with_null_times(text, scope)).eval(data=activation(scope))
    return EvaluationError if found.type().name() == "ERROR" else plain(found.plain_value())


def plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // MS
    if isinstance(value, dt.timedelta):
        return value // MS
    return [plain(element) for element in value] if isinstance(value, list) else value


def by_closure(text: str, scope: Snapshot) -> Any:
    try:
        return compiled(text).evaluate(scope)
    except EvaluationError:
        return EvaluationError
