"""Every code of a definition error, at its place."""

from typing import NamedTuple

import pytest

from journey_engine.define.codes import CODES
from journey_engine.define.compiler import form_errors
from journey_engine.define.loader import FILE_BYTES_MAX, decode_text, parse_yaml
from journey_engine.define.topics import parse_topics
from journey_engine.errors import DefinitionErrors
from tests.define.definitions import (
    CART,
    CHANNELS,
    CUSTOMER,
    FILES,
    LIFECYCLE,
    POLICIES,
    bent,
    errors_of,
    marked,
)


class Case(NamedTuple):
    """`old` in `file` replaced by `new`, in which the mark shows the place of the error."""

    code: str
    file: str
    old: str
    new: str


WAIT = "{after: 4h, reset_on: CartUpdated, to: nudged}"
CLICK = "{on: MessageClicked, when: \"event.send == 'reminder'\", to: engaged}"
LAST = "{after: 2d, to: end, outcome: clicked}"
EXITS = "  - {on: CartEmptied, reason: emptied}"
VIEWS = "views_1h: {count: ProductViewed, within: 1h}"
GOAL = "order_placed: {on: OrderPlaced, value: event.total}"
DATA = "data: {total: instance.total, browsing: features.views_1h}"
LIMIT = "limit: 3, within: 90d"

CASES = [
    # The text
    Case("YAML_SYNTAX", CART, "version: 3", "version: 3«: 4"),
    Case("YAML_SYNTAX", CART, "version: 3", "version: «\x07"),
    Case("YAML_DOCUMENTS", CART, "version: 3", "version: 3\n«---\nx: 1"),
    Case("YAML_DIRECTIVE", CART, "journey: cart", "%YAML 1.1\n«---\njourney: cart"),
    Case("YAML_ANCHOR", CART, "version: 3", "version: «&v 3"),
    Case("YAML_ALIAS", CART, "version: 3", "version: «*v"),
    Case("YAML_TAG", CART, "version: 3", "version: «!!int 3"),
    Case("DUPLICATE_KEY", CART, "version: 3", "version: 3\n«version: 4"),
    Case("KEY_NOT_TEXT", CART, "version: 3", "version: 3\n«7: 4"),
    Case("NUMBER_TOO_LONG", CART, "version: 3", "version: «" + "3" * 41),
    Case("NESTED_TOO_DEEP", CART, "version: 3", "version: " + "[" * 24 + "«[" + "]" * 25),
    # The form
    Case("UNKNOWN_KEY", CART, "version: 3", "version: 3\n«prioritty: 3"),
    Case(
        "UNKNOWN_KEY", CUSTOMER, "purpose: event.purpose}", "purpose: event.purpose, «wen: 'true'}"
    ),
    Case("MISSING_KEY", CART, "journey: cart\nversion: 3\n", "«journey: cart\n"),
    Case(
        "MISSING_KEY",
        CART,
        "  engaged:\n    macro_stage: retention",
        "  «engaged:\n    owner: desk",
    ),
    Case("BAD_NAME", CART, "  order_placed: {on", "  «order placed: {on"),
    Case("BAD_VALUE", CART, "version: 3", "version: «three"),
    Case("BAD_VALUE", CART, "version: 3", "version: «0"),
    Case("BAD_VALUE", CART, "mode: after_end", "mode: «sometimes"),
    Case("BAD_DURATION", CART, "after: 4h", "after: «4 hours"),
    Case("BAD_DURATION", CART, "after: 4h", "after: «240"),
    Case("BAD_DATE", CART, "2027-03-01", "«2027-02-30"),
    Case("GOAL_EMPTY", CART, GOAL, "order_placed: «{}"),
    Case("TRIGGER_CONFLICT", CART, LAST, "«{after: 2d, on: CartUpdated, to: end}"),
    Case("NO_TRIGGER", CART, LAST, "«{to: end}"),
    Case("NO_EFFECT", CART, LAST, "«{after: 2d}"),
    Case("OUTCOME_WITHOUT_END", CART, WAIT, "«{after: 4h, to: nudged, outcome: x}"),
    Case("NOT_A_WAIT", CART, WAIT, "«{on: CartUpdated, reset_on: CartUpdated, to: nudged}"),
    Case("NOT_A_WAIT", CART, WAIT, "«{always: true, since: reminder, to: nudged}"),
    Case(
        "RESET_OF_SINCE",
        CART,
        WAIT,
        "«{after: 4h, since: reminder, reset_on: CartUpdated, to: nudged}",
    ),
    Case("KEY_WITHOUT_EVENT", CART, LAST, "«{after: 2d, scope: customer, to: end}"),
    Case("KEY_WITHOUT_EVENT", CART, GOAL, "«order_placed: {when: 'true', scope: customer}"),
    Case("LIMIT_AND_WITHIN", CART, "{mode: after_end, cooldown: 7d, " + LIMIT, "«{limit: 3"),
    # The files together
    Case("FILE_NAME", CART, "journey: cart", "journey: «basket"),
    # Names
    Case("UNKNOWN_EVENT", CART, EXITS, "  - {on: «CartEmptyed, reason: emptied}"),
    Case("UNKNOWN_EVENT", CART, EXITS, "  - {on: [CartEmptied, «Cart], reason: emptied}"),
    Case("UNKNOWN_EVENT", CART, "reset_on: CartUpdated", "reset_on: [«CartUpdate]"),
    Case("UNKNOWN_EVENT", CUSTOMER, "sum: OrderPlaced.total", "sum: «OrderPlace.total"),
    Case("UNKNOWN_FIELD", CUSTOMER, "sum: OrderPlaced.total", "sum: «OrderPlaced.totall"),
    Case("UNKNOWN_FIELD", CUSTOMER, "[AccountOpened.first_name", "[«AccountOpened.name"),
    Case("UNKNOWN_FIELD", CART, "event.total > 50.0", "event.«totall > 50.0"),
    Case("UNKNOWN_FIELD", CART, "instance.total,", "instance.«totall,"),
    Case("UNKNOWN_FIELD", CUSTOMER, "when: event.permanent", "when: event.«permanant"),
    Case("UNKNOWN_CHANNEL", CART, "[preferred, email,", "[preferred, «e-mail,"),
    Case("UNKNOWN_CHANNEL", CUSTOMER, "  push: {set", "  «pusch: {set"),
    Case("UNKNOWN_PURPOSE", CART, "purpose: marketing", "purpose: «sales"),
    Case("UNKNOWN_PURPOSE", CUSTOMER, "default: {marketing:", "default: {«sales:"),
    Case("UNKNOWN_MACRO_STAGE", CART, "macro_stage: retention", "macro_stage: «retain"),
    Case("UNKNOWN_STAGE", CART, LAST, "{after: 2d, to: «nowhere}"),
    Case("UNKNOWN_STAGE", CART, "start: waiting", "start: «wait"),
    Case("UNKNOWN_GOAL", CART, "success: order_placed", "success: «order"),
    Case("UNKNOWN_SEND", CART, LAST, "{after: 2d, since: «remainder, to: end}"),
    Case("UNKNOWN_NAME", CART, "event.total > 50.0", "in_journey(«'onboarding')"),
    Case(
        "RESERVED_NAME",
        CART,
        "{on: CartUpdated, remember: {total",
        "{on: CartUpdated, remember: {«entered_at: event.occurred_at, total",
    ),
    Case(
        "RESERVED_NAME",
        CART,
        LAST,
        LAST + "\n  «end:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: waiting}]",
    ),
    Case(
        "REPEATED_ID",
        CART,
        LAST,
        "{after: 2d, to: end, do: [{send: {id: «reminder, content: x, channels: [email]}}]}",
    ),
    Case("REPEATED_FEATURE", CART, VIEWS, VIEWS + "\n  «spend_90d: {count: ProductViewed}"),
    Case("REPEATED_CHANNEL", CART, "email, push]", "email, push, «email]"),
    Case("CHANNELS_EMPTY", CART, "[preferred, email, push]", "«[preferred]"),
    Case("CHANNEL_ACTION", CART, "email, push]", "email, «callcenter]"),
    # Expressions
    Case("WRONG_TYPE", CART, "event.total > 50.0", "event.total «> 'fifty'"),
    Case("WRONG_TYPE", CUSTOMER, "granted: event.granted", "granted: «event.purpose"),
    Case("SYNTAX", CART, "event.total > 50.0", "event.total >«"),
    Case("UNSUPPORTED", CART, "event.total > 50.0", "event.items.exists«(i, i == 'x')"),
    Case("BAD_LITERAL", CART, "event.total > 50.0", "now > timestamp(«'tomorrow')"),
    Case(
        "TOO_COMPLEX", CART, '"event.total != null', '"«' + "true && " * 300 + "event.total != null"
    ),
    # Meaning
    Case(
        "TRAIT_KIND",
        CUSTOMER,
        "[AccountOpened.first_name,",
        "[AccountOpened.first_name, «OrderPlaced.total,",
    ),
    Case("FEATURE_OPERATION", CART, VIEWS, "«views_1h: {within: 1h}"),
    Case(
        "FEATURE_OPERATION", CART, VIEWS, "«views_1h: {count: OrderPlaced, sum: OrderPlaced.total}"
    ),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {last: OrderPlaced}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {count: OrderPlaced, keep: 3}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {count: OrderPlaced, fields: [total]}"),
    Case("FEATURE_FORM", CART, VIEWS, "«views_1h: {last: OrderPlaced.total, fields: [total]}"),
    Case("FEATURE_KIND", CART, VIEWS, "views_1h: {sum: «OrderPlaced.order_id}"),
    Case(
        "CONTEXT_KIND",
        CART,
        "updates:\n  - {on: CartUpdated, remember: {total: event.total}}",
        "updates:\n  - {on: CartUpdated, remember: {total: «event.cart_id}}",
    ),
    Case("GOAL_VALUE_KIND", CART, "value: event.total", "value: «event.order_id"),
    Case("DATA_KIND", CART, DATA, "data: {total: instance.total, wait: «duration('1h')}"),
    Case("EXPIRES_BEFORE_DELAY", CART, "expires: 1d", "delay: 1d\n          expires: «1d"),
    Case("KEY_MISSING", CART, "{on: CartEmptied, reason", "{«on: ProductViewed, reason"),
    Case(
        "KEY_NOT_DECLARED",
        CART,
        FILES[CART][FILES[CART].index("key:") : FILES[CART].index("abandon:")],
        FILES[CART][FILES[CART].index("features:") : FILES[CART].index("exits:")]
        + "exits:\n  - {on: CartEmptied, reason: emptied, «key: event.cart_id}\n",
    ),
    Case(
        "KEY_AND_SCOPE",
        CART,
        "reason: emptied}",
        "reason: x, key: event.cart_id, «scope: customer}",
    ),
    Case("KEY_CONSTANT", CART, "key: event.cart_id", "key: «\"'all'\""),
    Case("UNKNOWN_FIELD", CART, "key: event.cart_id", "key: event.«basket"),
    # Structure
    Case(
        "UNREACHABLE_STAGE",
        CART,
        LAST,
        LAST + "\n  «spare:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: end}]",
    ),
    Case("WAIT_BEYOND_ABANDON", CART, "after: 4h", "after: «31d"),
    Case("SHADOWED_TRANSITION", CART, LAST, LAST + "\n      - «{after: 3d, to: waiting}"),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        LAST,
        "{on: [CartUpdated, CartEmptied], to: end}\n      - «{on: CartUpdated, to: waiting}",
    ),
    Case(
        "SHADOWED_TRANSITION",
        CART,
        LAST,
        "{always: true, to: end}\n      - «{when: 'instance.total > 1.0', to: waiting}",
    ),
    Case(
        "TIMERS_LIMIT",
        CART,
        "  engaged:\n    macro_stage: retention\n    transitions:",
        "  «engaged:\n    macro_stage: retention\n    transitions:"
        + "".join(f"\n      - {{after: {n}h, when: 'true', to: waiting}}" for n in range(1, 32)),
    ),
    Case(
        "ALWAYS_LOOP",
        CART,
        FILES[CART][FILES[CART].index("  engaged:") :],
        "  «engaged:\n    macro_stage: purchase\n    transitions: [{always: true, to: again}]\n"
        "  again:\n    macro_stage: purchase\n    transitions: [{always: true, to: engaged}]\n",
    ),
    Case(
        "CONTEXT_LIMIT",
        CART,
        FILES[CART][: FILES[CART].index("reentry:")],
        "«"
        + FILES[CART][: FILES[CART].index("reentry:")]
        + "".join(f"  - {{on: CartUpdated, remember: {{field_{n}: '1'}}}}\n" for n in range(32)),
    ),
    Case(
        "NO_WAY_OUT",
        CART,
        FILES[CART][FILES[CART].index("abandon:") :],
        FILES[CART][FILES[CART].index("start:") : FILES[CART].index("  engaged:")]
        + "  «engaged:\n    macro_stage: purchase\n    transitions: [{after: 2d, to: engaged}]\n",
    ),
    # Parts that come later
    Case("NOT_SUPPORTED", CART, WAIT, '{«at: {days: 2, time: "09:00"}, to: nudged}'),
    Case("NOT_SUPPORTED", CART, "version: 3", "version: 3\n«milestones: {a: {on: OrderPlaced}}"),
    Case(
        "NOT_SUPPORTED", CART, "{on: CartEmptied, reason", "{on: CartEmptied, «switch_to: x, reason"
    ),
    Case("NOT_SUPPORTED", CART, "  - on: CartUpdated", "  - on: CartUpdated\n    «times: 2"),
    Case("NOT_SUPPORTED", CART, "theme: cart", "theme: cart\n          «score: 1"),
    Case("NOT_SUPPORTED", CART, "- send:\n          id", "- «route:\n          id"),
    Case("NOT_SUPPORTED", CART, "reset_on: CartUpdated", "reset_on: «milestone"),
    Case("NOT_SUPPORTED", CHANNELS, "hold: 10m", "«capacity: 40 per 1h"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.code)
def test_is_reported_at_its_place_and_alone(case: Case) -> None:
    files, place = marked(case.file, bent(case.file, case.old, case.new))

    errors = [(e.code, (e.file, e.line, e.column)) for e in errors_of(files)]

    assert errors == [(case.code, place)]


def errors_of_topics(text: str) -> list[str]:
    with pytest.raises(DefinitionErrors) as found:
        parse_topics("topics.yaml", text)
    return [f"{e.line}:{e.column} {e.code}" for e in found.value.errors]


def test_a_file_that_is_not_utf8_is_reported_where_it_stops_being_so() -> None:
    with pytest.raises(DefinitionErrors) as found:
        decode_text("a.yaml", "a: 1\nbü: ".encode() + b"\xff")

    assert [str(e) for e in found.value.errors] == [
        "a.yaml:2:5: error[NOT_UTF8]: byte 0xff is not UTF-8 text\n  hint: save the file as UTF-8"
    ]


def test_a_file_may_be_as_large_as_the_limit_in_bytes_and_no_larger() -> None:
    text = "a: " + "é" * ((FILE_BYTES_MAX - 3) // 2)
    padded = text + "#" * (FILE_BYTES_MAX - len(text.encode()))

    assert parse_yaml("a.yaml", padded).line == 1
    with pytest.raises(DefinitionErrors) as found:
        parse_yaml("a.yaml", padded + "#")
    assert [(e.code, e.line, e.column) for e in found.value.errors] == [("FILE_TOO_LARGE", 1, 1)]


@pytest.mark.parametrize("missing", [LIFECYCLE, POLICIES, CHANNELS, CUSTOMER])
def test_each_file_of_the_company_must_be_there(missing: str) -> None:
    files = {path: text for path, text in FILES.items() if path != missing}

    errors = [(e.code, e.file, e.line, e.column) for e in errors_of(files)]

    assert errors == [("FILE_MISSING", missing.removeprefix("topologies/"), 1, 1)]


def test_a_file_that_means_nothing_is_reported() -> None:
    files = {**FILES, "topologies/polices.yaml": "purposes: {}"}

    errors = [(e.code, e.file, e.hint) for e in errors_of(files)]

    assert errors == [
        (
            "UNKNOWN_FILE",
            "topologies/polices.yaml",
            "journeys lie in journeys/; did you mean `policies.yaml`?",
        )
    ]


def test_a_journey_in_two_folders_is_reported() -> None:
    files = {**FILES, "topologies/journeys/old/cart.yaml": FILES[CART]}

    errors = [(e.code, e.file, e.line, e.column) for e in errors_of(files)]

    assert errors == [("REPEATED_JOURNEY", "topologies/journeys/old/cart.yaml", 1, 10)]


def test_a_topic_with_more_replicas_in_sync_than_it_has_is_reported() -> None:
    text = "partitions: 4\ninputs: {web: {min_in_sync: 2}}\ncommands: {email: {}}\n"

    assert errors_of_topics(text) == ["1:1 IN_SYNC_BEYOND_REPLICATION"]


def test_every_code_has_a_case_and_every_case_a_code_of_the_table() -> None:
    beside = {
        "NOT_UTF8",
        "FILE_TOO_LARGE",
        "FILE_MISSING",
        "UNKNOWN_FILE",
        "REPEATED_JOURNEY",
        "IN_SYNC_BEYOND_REPLICATION",
    }

    assert {case.code for case in CASES} | beside == set(CODES)


def test_errors_of_several_files_come_at_once_sorted_by_place() -> None:
    files = bent(CUSTOMER, "OrderPlaced.total", "OrderPlaced.totall")
    files = bent(CART, "to: engaged", "to: engage", files)
    files = bent(CART, "event.total > 50.0", "event.tota > 50.0", files)
    second = bent(CART, "journey: cart", "journey: second")
    second = bent(CART, "{after: 2d, to: end}", "{after: 2h, to: gone}", second)
    files["topologies/journeys/second.yaml"] = second[CART]

    errors = errors_of(files)

    assert [(e.file.rpartition("/")[2], e.line, e.code) for e in errors] == [
        ("customer.yaml", 15, "UNKNOWN_FIELD"),
        ("cart.yaml", 14, "UNKNOWN_FIELD"),
        ("cart.yaml", 42, "UNKNOWN_STAGE"),
        ("cart.yaml", 44, "UNREACHABLE_STAGE"),
        ("second.yaml", 43, "UNKNOWN_STAGE"),
    ]


def test_errors_of_form_come_from_all_files_though_one_is_not_even_yaml() -> None:
    files = bent(CHANNELS, "channels:", "channels: {")
    files = bent(CART, "version: 3", "version: three", files)

    assert [(e.file, e.code) for e in errors_of(files)] == [
        (CHANNELS, "YAML_SYNTAX"),
        (CART, "BAD_VALUE"),
    ]


def test_the_form_is_read_without_any_schema() -> None:
    files = bent(CHANNELS, "channels:", "channels: {")
    files = bent(CART, "event.total > 50.0", "event.tota > 50.0", files)
    files = bent(CART, "version: 3", "version: three", files)

    assert [(e.file, e.code) for e in sorted(form_errors(files))] == [
        (CHANNELS, "YAML_SYNTAX"),
        (CART, "BAD_VALUE"),
    ]
    assert form_errors(FILES) == []


def test_what_reads_a_name_that_is_itself_wrong_is_not_reported_again() -> None:
    files = bent(CART, "remember: {total: event.total}", "remember: {total: event.totall}")

    # The reminder's data reads instance.total.
    assert [e.line for e in errors_of(files)] == [15]


@pytest.mark.parametrize(
    ("file", "old", "new", "hint"),
    [
        (CART, "version: 3", "version: 3\nprioritty: 3", "did you mean `priority`?"),
        (CART, "to: engaged", "to: engagd", "did you mean `engaged`?"),
        (CART, "CartEmptied", "CartEmptyed", "did you mean `CartEmptied`?"),
        (CART, "purpose: marketing", "purpose: x", "known: marketing, service, transactional"),
        (CUSTOMER, "event.permanent", "event.permanant", "did you mean `permanent`?"),
    ],
)
def test_a_misspelt_name_comes_with_the_nearest_one(
    file: str, old: str, new: str, hint: str
) -> None:
    assert hint in [error.hint for error in errors_of(bent(file, old, new))]


def test_an_expression_in_a_block_is_placed_on_its_own_line() -> None:
    files, place = marked(
        CART,
        bent(
            CART,
            'when: "event.total != null && event.total > 50.0"',
            "when: |\n      event.total != null\n        && event.«totall > 50.0",
        ),
    )

    assert [(e.file, e.line, e.column) for e in errors_of(files)] == [place]


def test_the_event_cannot_be_read_where_a_timer_leads() -> None:
    files, place = marked(CART, bent(CART, "total: instance.total,", "total: «event.total,"))

    errors = errors_of(files)

    assert [(e.file, e.line, e.column) for e in errors] == [place]
    assert "remember" in errors[0].hint
