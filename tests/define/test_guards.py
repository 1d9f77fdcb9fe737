"""What an expression may say, what it yields, and what is refused, with its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journey_engine.define.guards import Declared, Environment, ExpressionError, FeatureType
from journey_engine.define.plan import EvaluationError, Value, Warming
from tests.define.catalogue import Catalogue, EventType, Field

SCHEMAS = Catalogue(
    {
        "CartUpdated": EventType(
            {
                "total": Field("double"),
                "items": Field("int"),
                "country": Field("string"),
                "gift": Field("bool"),
                "coupon": Field("string", nullable=True),
                "paid": Field("bool", nullable=True),
                "seen_at": Field("timestamp", nullable=True),
                "occurred_at": Field("timestamp"),
                "tags": Field("list<string>"),
                "attributes": Field("map<string>"),
            }
        ),
        "OrderPlaced": EventType(
            {
                "total": Field("double", nullable=True),
                "items": Field("double"),
                "country": Field("string"),
            }
        ),
        "MessageClicked": EventType({"command_id": Field("string"), "country": Field("string")}),
    }
)
DECLARED = Declared(
    traits={"tier": "string", "age": "int"},
    context={"total": "double", "wait": "duration"},
    features={
        "views_1h": FeatureType("int", nullable=False),
        "highest": FeatureType("double", nullable=True),
        "failed": FeatureType(
            "message", nullable=True, members={"error": "string", "at": "timestamp"}
        ),
        "solved": FeatureType("message", nullable=True, members={"at": "timestamp"}),
        "intents": FeatureType("list<string>", nullable=False),
    },
    journeys=frozenset({"cart-rescue"}),
    stages=frozenset({"nudged", "waiting"}),
    purposes=frozenset({"marketing", "service"}),
    channels=frozenset({"email", "push"}),
)
CART = Environment(SCHEMAS, DECLARED, ("CartUpdated",))
HOUR = 3_600_000


@dataclass
class Snapshot:
    event: Mapping[str, Value] = field(
        default_factory=lambda: {
            "total": 60.0,
            "items": 3,
            "country": "BR",
            "gift": True,
            "coupon": None,
            "occurred_at": 10 * HOUR,
            "tags": ["a", "b"],
        }
    )
    customer: Mapping[str, Value] = field(default_factory=lambda: {"tier": "gold", "age": None})
    instance: Mapping[str, Value] = field(
        default_factory=lambda: {"total": 55.0, "wait": 2 * HOUR, "entered_at": 9 * HOUR}
    )
    features: Mapping[str, Any] = field(
        default_factory=lambda: {
            "views_1h": 4,
            "views_1h.complete": True,
            "highest": None,
            "failed": {"error": "timeout", "at": 8 * HOUR},
            "failed.complete": False,
            "solved": None,
            "intents": ["loan"],
        }
    )
    stage_entered_at: int = 9 * HOUR
    now: int = 11 * HOUR

    def consent(self, purpose: str, channel: str) -> bool:
        return (purpose, channel) == ("marketing", "email")

    def reachable(self, channel: str) -> bool:
        return channel == "push"

    def changed(self, trait: str) -> bool:
        return trait == "tier"

    def in_journey(self, name: str) -> bool:
        return name == "cart-rescue"

    def visits(self, stage: str) -> int:
        return {"nudged": 2}.get(stage, 0)


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
        ("event.tags[2]", "index 2 is outside a list of 2"),
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
    ("text", "line", "column", "code", "message", "hint"),
    [
        ("event.tottal > 1.0", 1, 7, "UNKNOWN_FIELD", "no field 'tottal'", "`total`"),
        ("event.gift\n  && event.zzz", 2, 12, "UNKNOWN_FIELD", "no field 'zzz'", ""),
        ("'é🙂' == event.totl", 1, 15, "UNKNOWN_FIELD", "no field 'totl'", "`total`"),
        ("customer.teir == 'x'", 1, 10, "UNKNOWN_FIELD", "customer has no", "`tier`"),
        ("instance.totals > 1.0", 1, 10, "UNKNOWN_FIELD", "instance has no", "`total`"),
        ("features.view_1h > 1", 1, 10, "UNKNOWN_FIELD", "features has no", "`views_1h`"),
        ("features.views_1h.complet", 1, 18, "UNKNOWN_FIELD", "type int has no fields", ""),
        ("features.failed.eror == ''", 1, 17, "UNKNOWN_FIELD", "features.failed has", "`error`"),
        ("stage('nudged').visit > 1", 1, 17, "UNKNOWN_FIELD", "stage(...) has no", "`visits`"),
        ("custmer.tier == 'x'", 1, 1, "UNKNOWN_FIELD", "no 'custmer'", "`customer`"),
        ("event.gift &&\n reachabl('push')", 2, 2, "UNKNOWN_FIELD", "no 'reachabl'", "`reachable`"),
        ("event.attributes['a']", 1, 7, "UNKNOWN_FIELD", "cannot read type map<string>", ""),
        ("event.total > 50", 1, 13, "WRONG_TYPE", "'>' does not take (double, int)", "50.0"),
        ("event.total >\n 'x'", 1, 13, "WRONG_TYPE", "(double, string)", ""),
        ("customer.age == 'x'", 1, 14, "WRONG_TYPE", "(int, string)", ""),
        ("event.total == null", 1, 13, "WRONG_TYPE", "(double, null)", "never null"),
        ("1 in event.tags", 1, 3, "WRONG_TYPE", "'in' does not take (int, list<string>)", ""),
        ("reachable(event.total)", 1, 10, "WRONG_TYPE", "'reachable' does not take", ""),
        ("1 +", 1, 4, "SYNTAX", "ends too early", ""),
        ("event.gift &&\n  )", 2, 3, "SYNTAX", "mismatched input ')'", ""),
        ("'abc", 1, 1, "SYNTAX", "token recognition error", ""),
        ("", 1, 1, "SYNTAX", "ends too early", ""),
        ("9223372036854775808", 1, 1, "SYNTAX", "invalid int literal", ""),
        ("has(event)", 1, 5, "SYNTAX", "must be a field selection", ""),
        ("timestamp('yesterday') < now", 1, 11, "BAD_LITERAL", "not a timestamp", ""),
        ("now > timestamp('2026-01-01T00:00:00.0001Z')", 1, 17, "BAD_LITERAL", "finer", ""),
        ("duration('1h1') > duration('1s')", 1, 10, "BAD_LITERAL", "not a duration", ""),
        ("duration('9223372037s') > now - now", 1, 10, "BAD_LITERAL", "longer than 292 years", ""),
        ("duration('1us') > duration('1s')", 1, 10, "BAD_LITERAL", "finer", ""),
        ("consent('markting', 'email')", 1, 9, "UNKNOWN_NAME", "purpose", "`marketing`"),
        ("consent('marketing',\n 'emial')", 2, 2, "UNKNOWN_NAME", "channel", "`email`"),
        ("reachable('fax')", 1, 11, "UNKNOWN_NAME", "no channel 'fax'", ""),
        ("changed('teir')", 1, 9, "UNKNOWN_NAME", "no trait 'teir'", "`tier`"),
        ("in_journey('cart-rescu')", 1, 12, "UNKNOWN_NAME", "no journey", "`cart-rescue`"),
        ("stage('nudge').visits > 1", 1, 7, "UNKNOWN_NAME", "no stage 'nudge'", "`nudged`"),
        ("event.country.matches('B.')", 1, 22, "UNSUPPORTED", "'matches'", "startsWith()"),
        ("event.tags.all(t, t == 'a')", 1, 15, "UNSUPPORTED", "this form", "supported are"),
        ("event.tags + ['x']", 1, 12, "UNSUPPORTED", "'+' of these types", "supported are"),
        ("now.getHours() > 9", 1, 13, "UNSUPPORTED", "'getHours'", "supported are"),
        ("timestamp(event.country) < now", 1, 10, "UNSUPPORTED", "a literal", "supported are"),
        ("[1, 'a']", 1, 1, "UNSUPPORTED", "mixed types", "supported are"),
        ("dyn(1) == 2", 1, 4, "UNSUPPORTED", "mixed types", "supported are"),
        ("{'a': 1}", 1, 1, "UNSUPPORTED", "this type", "supported are"),
        ("1u", 1, 1, "UNSUPPORTED", "this type", "supported are"),
        ("b'a'", 1, 1, "UNSUPPORTED", "this type", "supported are"),
        ("int", 1, 1, "UNSUPPORTED", "this type", "supported are"),
        ("{'a': 1}.a", 1, 9, "UNSUPPORTED", "a field of this", "supported are"),
        ("dyn(event).total", 1, 11, "UNSUPPORTED", "mixed types", "supported are"),
        ("has({'a': {'b': 1}}.a.b)", 1, 4, "UNSUPPORTED", "has() of this", "supported are"),
        ("(true ? features : features).views_1h", 1, 29, "UNSUPPORTED", "a field of", "supported"),
        ("journey.event{}", 1, 1, "UNSUPPORTED", "event as a value", "supported are"),
        ("event", 1, 1, "UNSUPPORTED", "event as a value", "supported are"),
        ("features.failed == null", 1, 9, "UNSUPPORTED", "features.failed as a", "supported are"),
        ("has(stage.entered_at)", 1, 4, "UNSUPPORTED", "has() of this", "supported are"),
        ("(" * 40 + "1" + ")" * 40, 1, 1, "TOO_COMPLEX", "nested too deeply", ""),
        (" + ".join(["1"] * 40), 1, 1, "TOO_COMPLEX", "nested too deeply", ""),
        (" && ".join(["event.gift"] * 90), 1, 1, "TOO_COMPLEX", "256 terms", ""),
        ("'" + "x" * 4096 + "'", 1, 1, "TOO_COMPLEX", "4096 characters", ""),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(
    text: str, line: int, column: int, code: str, message: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as raised:
        CART.compile(text)
    error = raised.value
    assert (error.line, error.column, error.code) == (line, column, code)
    assert message in error.message
    assert hint in error.hint
    assert bool(error.hint) == bool(hint)


def test_what_is_wanted_is_the_kind_that_is_given() -> None:
    assert CART.compile("event.country", want="string").kind == "string"
    with pytest.raises(ExpressionError) as raised:
        CART.compile("event.total", want="string")
    assert raised.value.code == "WRONG_TYPE"
    assert raised.value.message == "type string is needed, this is double"


def test_a_wanted_bool_is_never_null() -> None:
    assert CART.compile("event.paid").evaluate(Snapshot()) is None
    with pytest.raises(EvaluationError, match=r"event\.paid is null"):
        CART.compile("event.paid", want="bool").evaluate(Snapshot())


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
        ("event", "total"),
        ("instance", "total"),
        ("instance", "entered_at"),
        ("customer", "tier"),
        ("features", "views_1h"),
        ("features", "failed"),
        ("features", "solved"),
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


SOUP = (
    r"""event total . ( ) [ ] ' " + - * / ! ? : && || == in 1 2.5 null has size now , { } é \ //"""
)
TOKENS = st.sampled_from([*SOUP.split(), "\n", "event.total", "event.gift"])


@given(st.one_of(st.text(max_size=40), st.lists(TOKENS, max_size=20).map(" ".join)))
@example("\ud800")
@example("\0")
def test_any_text_is_compiled_or_refused_at_a_place_in_it(text: str) -> None:
    place = (1, 1)
    try:
        CART.compile(text)
    except ExpressionError as error:
        place = (error.line, error.column)
    lines = text.split("\n")
    assert 1 <= place[0] <= len(lines)
    assert 1 <= place[1] <= len(lines[place[0] - 1]) + 1
