"""What an expression may say, what it yields and what it reads."""

from typing import Any

import pytest

from journey_engine.define.expression import EvaluationError, Value, Warming
from journey_engine.define.guards import Declared, Environment, ExpressionError, FeatureType
from tests.define.catalogue import Catalogue, EventType, Field
from tests.define.company import CART, DECLARED, HOUR, SCHEMAS, Snapshot


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.total > 50.0", True),
        ("event.items * 2 - 1", 5),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("double(event.items) / 2.0", 1.5),
        ("int(-2.9)", -2),
        ("string(event.items) + event.country", "3BR"),
        ("event.country in ['BR', 'US']", True),
        ("event.coupon in ['BR', 'US']", False),
        ("event.tags[1]", "b"),
        ("['x', event.country]", ["x", "BR"]),
        ("['a', 'b'] == event.tags", True),
        ("size(event.tags) + event.country.size()", 4),
        ("event.country.startsWith('B') && event.country.endsWith('R')", True),
        ("event.country.contains('Z')", False),
        ("event.coupon == null", True),
        ("event.coupon != 'X'", True),
        ("event.seen_at == null", True),
        ("has(event.coupon)", False),
        ("has(event.seen_at)", False),
        ("has(event.total)", True),
        ("has(customer.tier) && !has(customer.age)", True),
        ("has(event.tags)", True),
        ("event.gift ? 'yes' : 'no'", "yes"),
        ("event.coupon == 'X' ? event.coupon : customer.tier", "gold"),
        ("customer.age > 18 || event.gift", True),
        ("event.gift || customer.age > 18", True),
        ("!event.gift && customer.age > 18", False),
        ("customer.age > 18 && !event.gift", False),
        ("instance.total < event.total", True),
        ("event.occurred_at - instance.entered_at == duration('1h')", True),
        ("instance.entered_at + instance.wait", 11 * HOUR),
        ("event.occurred_at > timestamp('1970-01-01T09:59:59.999Z')", True),
        ("duration('90s') < duration('1m') + duration('31s')", True),
        ("stage.entered_at < now", True),
        ("stage('nudged').visits", 2),
        ("stage('waiting').visits == 0", True),
        ("features.views_1h >= 4 && features.views_1h.complete", True),
        ("features.failed.complete", False),
        ("has(features.failed.complete)", True),
        ("has(features.failed) && !has(features.solved)", True),
        ("has(features.failed.error) && !has(features.solved.at)", True),
        ("features.failed.error", "timeout"),
        ("features.solved.at", None),
        ("features.failed.at < now", True),
        ("features.highest == null", True),
        ("'loan' in features.intents", True),
        ("consent('marketing', 'email') && !consent('service', 'email')", True),
        ("reachable('push') && !reachable('email')", True),
        ("changed('tier') && !changed('age')", True),
        ("in_journey('cart-rescue')", True),
        ("event.total > 50.0\n  && event.items == 3  // both\n", True),
    ],
)
def test_an_expression_yields(text: str, value: Value) -> None:
    found = CART.compile(text).evaluate(Snapshot())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("event.coupon < 'x'", "event.coupon is null"),
        ("event.coupon.size() > 1", "event.coupon is null"),
        ("event.country > event.coupon", "event.coupon is null"),
        ("event.paid && true", "event.paid is null"),
        ("event.paid ? 1 : 2", "event.paid is null"),
        ("event.seen_at < now", "event.seen_at is null"),
        ("customer.age + 1", "customer.age is null"),
        ("features.solved.at < now", "features.solved.at is null"),
        ("(event.gift ? event.coupon : '') + 'x'", "the result of ?: is null"),
        ("[event.coupon, 'x'][0] < 'a'", "the element of a list is null"),
        ("event.items / 0", "division by zero"),
        ("event.items % 0", "modulus by zero"),
        ("event.items + 9223372036854775807", "integer overflow"),
        ("event.tags[2]", "the index is outside the list"),
        ("timestamp('9999-12-31T23:59:59Z') + duration('1s') > now", "timestamp overflow"),
        ("timestamp('2300-01-01T00:00:00Z') - now", "duration overflow"),
        ("consent('marketing', event.coupon)", "event.coupon is null"),
        ("customer.age > 1 || event.coupon < 'x'", "event.coupon is null"),
    ],
)
def test_an_expression_without_a_value_names_the_cause(text: str, cause: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        CART.compile(text).evaluate(Snapshot())
    assert str(raised.value) == cause


@pytest.mark.parametrize("text", ["event.total > 1.0", "event.total == 1.0", "event.total"])
def test_a_field_that_cannot_be_null_must_be_there(text: str) -> None:
    with pytest.raises(EvaluationError, match=r"event\.total is absent"):
        CART.compile(text).evaluate(Snapshot(event={}))
    assert CART.compile("has(event.total)").evaluate(Snapshot(event={})) is False


@pytest.mark.parametrize("text", ["instance.total > 1.0", "customer.age + 1 > 2"])
def test_what_was_remembered_with_another_type_is_an_error_of_the_guard(text: str) -> None:
    older = Snapshot(instance={"total": "99.5"}, customer={"age": "forty"})
    with pytest.raises(EvaluationError, match="another type"):
        CART.compile(text).evaluate(older)


def test_a_nullable_field_that_is_absent_is_null() -> None:
    empty = Snapshot(event={}, customer={})
    assert CART.compile("event.coupon == null && customer.tier != 'gold'").evaluate(empty) is True
    assert CART.compile("event.coupon").evaluate(empty) is None


@pytest.mark.parametrize("tags", [None, []])
def test_a_list_never_reads_as_null(tags: list[Value] | None) -> None:
    snapshot = Snapshot(event={"tags": tags})
    assert CART.compile("size(event.tags)").evaluate(snapshot) == 0
    assert CART.compile("has(event.tags)").evaluate(snapshot) is False


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("event.coupon", "string"),
        ("event.tags", "list<string>"),
        ("now", "timestamp"),
        ("now - now", "duration"),
        ("null", "null"),
        ("features.highest", "double"),
    ],
)
def test_the_kind_is_cels_type(text: str, kind: str) -> None:
    assert CART.compile(text).kind == kind


def test_an_expression_tells_what_it_reads() -> None:
    compiled = CART.compile(
        "event.total > instance.total && has(customer.tier) && features.views_1h.complete"
        " && has(features.failed) && features.solved.at < instance.entered_at"
    )
    assert compiled.reads == {
        ("event", "total"): "double",
        ("instance", "total"): "double",
        ("instance", "entered_at"): "timestamp",
        ("customer", "tier"): "string",
        ("features", "views_1h"): "int",
        ("features", "failed"): "message:journey.feature_failed",
        ("features", "solved"): "message:journey.feature_solved",
    }


def test_several_types_share_the_fields_of_one_kind() -> None:
    both = Environment(SCHEMAS, DECLARED, ("CartUpdated", "OrderPlaced"))
    assert both.compile("event.country == 'BR'").evaluate(Snapshot()) is True
    assert both.compile("event.total == null").evaluate(Snapshot()) is False
    with pytest.raises(ExpressionError, match="it is int in CartUpdated, double in OrderPlaced"):
        both.compile("event.items > 1")
    with pytest.raises(ExpressionError, match="OrderPlaced does not have it"):
        both.compile("event.gift")


def test_without_an_event_there_is_no_event_to_read() -> None:
    with pytest.raises(ExpressionError) as raised:
        Environment(SCHEMAS, DECLARED).compile("event.total > 1.0")
    assert raised.value.message == "there is no 'event'"
    assert raised.value.hint == "no event leads here"


def test_a_name_that_is_no_identifier_cannot_be_read() -> None:
    declared = Declared(
        traits={"first-name": "string"}, features={"a-b": FeatureType("int", nullable=False)}
    )
    with pytest.raises(ExpressionError) as raised:
        Environment(SCHEMAS, declared).compile("customer.`first-name` == 'x'")
    assert (
        raised.value.message == "customer.first-name cannot be read: its name is not an identifier"
    )


def test_names_may_differ_by_case_and_underscores_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    alike = ("first_name", "firstName", "FIRST_NAME", "first_name_")
    declared = Declared(
        traits=dict.fromkeys(alike, "string"),
        context=dict.fromkeys(alike, "string"),
        features={name: FeatureType("string", nullable=True) for name in alike},
        milestones=frozenset(alike),
    )
    event = EventType({name: Field("string") for name in alike})
    either = Environment(Catalogue({"Named": event}), declared, ("Named",))
    values = {name: name for name in alike}
    scope = Snapshot(event=values, customer=values)

    for name in alike:
        assert either.compile(f"event.{name} + customer.{name}").evaluate(scope) == name + name
    assert capfd.readouterr().err == ""


def test_feedback_names_the_send_it_answers() -> None:
    feedback = Environment(SCHEMAS, DECLARED, ("MessageClicked",))
    sent = Snapshot(event={"send": "reminder"})
    assert feedback.compile("event.send == 'reminder'").evaluate(sent) is True
    with pytest.raises(ExpressionError, match="event has no field 'send'"):
        CART.compile("event.send == 'reminder'")


class WarmingFeatures(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise Warming(name)


@pytest.mark.parametrize(
    "text",
    [
        "features.views_1h > 3",
        "features.views_1h == 3",
        "has(features.failed)",
        "features.failed.error == 'x'",
        "features.views_1h > 3 || event.gift",
        "event.gift && features.views_1h > 3",
    ],
)
def test_a_feature_that_warms_up_is_told_as_it_is(text: str) -> None:
    with pytest.raises(Warming):
        CART.compile(text).evaluate(Snapshot(features=WarmingFeatures()))


def test_a_side_that_is_not_needed_is_not_read() -> None:
    cold = Snapshot(features=WarmingFeatures())
    assert CART.compile("event.gift || features.views_1h > 3").evaluate(cold) is True
    assert CART.compile("!event.gift && features.views_1h > 3").evaluate(cold) is False


def test_what_is_not_supported_is_told_beside_what_is() -> None:
    with pytest.raises(ExpressionError) as found:
        CART.compile("string(event.total) == '60'")

    assert found.value.code == "UNSUPPORTED"
    assert "int() of a double, double() of an int, string() of an int" in found.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "event.tags.exists(tag, tag == 'a')",
        "event.country.matches('B.*')",
        "now.getHours() < 9",
        "size(event.tags + ['c']) > 2",
        "{'a': 1}['a'] == 1",
        "b'a' == b'b'",
        "1u == 2u",
        "int('5') == 5",
        "double(event.country) == 5.0",
    ],
)
def test_what_the_language_page_says_is_not_there(text: str) -> None:
    with pytest.raises(ExpressionError) as found:
        CART.compile(text)

    assert found.value.code == "UNSUPPORTED"
