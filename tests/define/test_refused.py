"""Expressions that are refused, with their place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journey_engine.define.expression import EvaluationError
from journey_engine.define.guards import ExpressionError
from tests.define.company import CART, Snapshot


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
    assert error.hint


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
