"""CEL's operators on plain values, none of them null.

Integers are int64 and overflow is an error, division truncates towards zero, doubles follow
IEEE 754. Timestamps and durations are int milliseconds within the range that CEL gives them.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from journey_engine.define.expression import EvaluationError

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
TIMESTAMP_MIN, TIMESTAMP_MAX = -62_135_596_800_000, 253_402_300_799_999
"""0001-01-01 to 9999-12-31, in milliseconds since the epoch."""
DURATION_MAX = 9_223_372_036_854
"""About 292 years in milliseconds, and as much below zero: CEL adds up int64 nanoseconds."""

Operator = Callable[..., Any]


def _within(low: int, high: int, what: str, apply: Callable[[int, int], int]) -> Operator:
    def run(left: int, right: int) -> int:
        result = apply(left, right)
        if low <= result <= high:
            return result
        raise EvaluationError(f"{what} overflow")

    return run


def _int(apply: Callable[[int, int], int]) -> Operator:
    return _within(INT_MIN, INT_MAX, "integer", apply)


def _timestamp(apply: Callable[[int, int], int]) -> Operator:
    return _within(TIMESTAMP_MIN, TIMESTAMP_MAX, "timestamp", apply)


def _duration(apply: Callable[[int, int], int]) -> Operator:
    return _within(-DURATION_MAX, DURATION_MAX, "duration", apply)


def _since(left: int, right: int) -> int:
    # CEL takes whole seconds first, and they alone can be too many.
    if abs(left // 1000 - right // 1000) > DURATION_MAX // 1000:
        raise EvaluationError("duration overflow")
    return left - right


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    if right == 0:
        raise EvaluationError("modulus by zero")
    if left == INT_MIN and right == -1:
        raise EvaluationError("integer overflow")
    return left - right * _quotient(left, right)


def _divide(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _negate(value: int) -> int:
    if value == INT_MIN:
        raise EvaluationError("integer overflow")
    return -value


def _truncate(value: float) -> int:
    # Both bounds are doubles themselves; CEL refuses them too.
    if not -(2.0**63) < value < 2.0**63:
        raise EvaluationError("the double is outside the range of an int")
    return int(value)


def _at(items: list[Any], index: int) -> Any:  # noqa: ANN401 - an element of any kind
    if 0 <= index < len(items):
        return items[index]
    raise EvaluationError("the index is outside the list")


def same(left: Any, right: Any) -> bool:  # noqa: ANN401 - values of any kind
    """Whether two values are equal; Python's own list equality takes a NaN for itself."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def differ(left: Any, right: Any) -> bool:  # noqa: ANN401 - values of any kind
    """Whether two values are not equal."""
    return not same(left, right)


def among(value: Any, items: list[Any]) -> bool:  # noqa: ANN401 - values of any kind
    """Whether a list holds the value."""
    return any(same(value, item) for item in items)


UNARY: dict[str, Operator] = {
    "logical_not": operator.not_,
    "negate_int64": _negate,
    "negate_double": operator.neg,
    "size_string": len,
    "string_size": len,
    "size_list": len,
    "list_size": len,
    "int64_to_double": float,
    "double_to_int64": _truncate,
    "int64_to_string": str,
}
"""By overload, as CEL names them."""

BINARY: dict[str, Operator] = {
    **{
        f"{name}_{kind}": apply
        for name, apply in (
            ("less", operator.lt),
            ("less_equals", operator.le),
            ("greater", operator.gt),
            ("greater_equals", operator.ge),
        )
        for kind in ("bool", "int64", "double", "string", "timestamp", "duration")
    },
    "add_int64": _int(operator.add),
    "subtract_int64": _int(operator.sub),
    "multiply_int64": _int(operator.mul),
    "divide_int64": _int(_quotient),
    "modulo_int64": _remainder,
    "add_double": operator.add,
    "subtract_double": operator.sub,
    "multiply_double": operator.mul,
    "divide_double": _divide,
    "add_string": operator.add,
    "add_timestamp_duration": _timestamp(operator.add),
    "add_duration_timestamp": _timestamp(operator.add),
    "add_duration_duration": _duration(operator.add),
    "subtract_timestamp_duration": _timestamp(operator.sub),
    "subtract_timestamp_timestamp": _duration(_since),
    "subtract_duration_duration": _duration(operator.sub),
    "starts_with_string": str.startswith,
    "ends_with_string": str.endswith,
    "contains_string": operator.contains,
    "index_list": _at,
}
"""By overload, as CEL names them; the target of a member call is the first argument."""

LITERALS = {"string_to_timestamp": "timestamp", "string_to_duration": "duration"}
"""Overloads that take a literal only, and are folded at load."""

SUPPORTED = (
    "supported are == != < <= > >=, + - * / %, && || ! ?:, in and [] of lists, list literals, "
    "has(), size(), startsWith(), endsWith(), contains(), int() of a double, double() of an int, "
    "string() of an int, timestamp('...'), duration('...'), consent(), reachable(), changed(), "
    "in_journey() and stage()"
)
