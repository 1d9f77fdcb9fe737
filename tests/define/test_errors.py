"""Every code of a definition error, at its place."""

import pytest

from journey_engine.define.codes import CODES
from journey_engine.define.compiler import form_errors
from journey_engine.define.loader import FILE_BYTES_MAX, decode_text, parse_yaml
from journey_engine.define.topics import parse_topics
from journey_engine.errors import DefinitionErrors
from tests.define.calendar_cases import CALENDAR_CASES
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
from tests.define.error_cases import CASES, Case
from tests.define.pattern_error_cases import PATTERN_CASES
from tests.define.policy_cases import POLICY_CASES

ALL_CASES = [*CASES, *CALENDAR_CASES, *PATTERN_CASES, *POLICY_CASES]


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.code)
def test_is_reported_at_its_place_and_alone(case: Case) -> None:
    files, place = marked(case.file, bent(case.file, case.old, case.new))

    found = errors_of(files)

    assert [(e.code, (e.file, e.line, e.column)) for e in found] == [(case.code, place)]
    assert [e for e in found if not e.hint] == []


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


def test_a_file_of_another_suffix_is_reported() -> None:
    files = {path: text for path, text in FILES.items() if path != CART}
    files["topologies/journeys/cart.yml"] = FILES[CART]

    errors = [(e.code, e.file, e.hint) for e in errors_of(files)]

    assert errors == [("UNKNOWN_FILE", "topologies/journeys/cart.yml", "call it cart.yaml")]


def test_a_journey_in_two_folders_is_reported() -> None:
    files = {**FILES, "topologies/journeys/old/cart.yaml": FILES[CART]}

    errors = [(e.code, e.file, e.line, e.column) for e in errors_of(files)]

    assert errors == [("REPEATED_JOURNEY", "topologies/journeys/old/cart.yaml", 1, 10)]


def test_a_topic_with_more_replicas_in_sync_than_it_has_is_reported() -> None:
    text = "partitions: 4\ninputs: {web: {min_in_sync: 2}}\ncommands: {email: {}}\n"

    assert errors_of_topics(text) == ["1:1 IN_SYNC_BEYOND_REPLICATION"]


def test_an_internal_topic_from_which_kafka_would_delete_what_is_needed_is_reported() -> None:
    text = "partitions: 4\ninputs: {web: {}}\ncommands: {email: {}}\ninternal:\n"
    internal = "  customers-changelog: {cleanup: delete}\n  ledger: {cleanup: compact}\n"

    assert errors_of_topics(text + internal) == ["5:34 BAD_VALUE", "6:21 BAD_VALUE"]


def test_every_code_has_a_case_and_every_case_a_code_of_the_table() -> None:
    beside = {
        "CAP_BROKEN_ALONE",
        "PURPOSE_NOT_YOURS",
        "THEMES_CONTRADICT",
        "NOT_UTF8",
        "FILE_TOO_LARGE",
        "FILE_MISSING",
        "UNKNOWN_FILE",
        "REPEATED_JOURNEY",
        "KEPT_ALONE",
        "VERSION_CONTENT",
        "VERSION_KEY",
        "VERSION_ORDER",
        "MIGRATE_VERSION",
        "MIGRATE_STAGE",
        "EXPERIMENT_DIFFERS",
        "EXPERIMENT_HOLDOUT",
        "BAD_BUCKETS",
        "IN_SYNC_BEYOND_REPLICATION",
        "SCORE_KIND",
        "NO_DAY_LEFT",
    }

    assert {case.code for case in ALL_CASES} | beside == set(CODES)


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


@pytest.mark.parametrize("text", ["", "# nothing is known of anybody yet\n", "---\n", "{}\n"])
def test_a_file_of_which_no_key_is_mandatory_may_be_empty(text: str) -> None:
    assert errors_of({**FILES, CUSTOMER: text}) == []
    assert [e.code for e in errors_of({**FILES, CHANNELS: "# none\n"})] == ["BAD_VALUE"]
    assert [e.code for e in errors_of({**FILES, CUSTOMER: "null\n"})] == ["BAD_VALUE"]


def test_a_send_that_comes_to_nothing_is_no_way_out_and_no_way_out_is_told_so() -> None:
    files = bent(CART, "theme: cart", "theme: cart\n          on_suppressed: {to: engaged}")
    files = bent(CART, "abandon: {after: 30d}\n", "", files)
    clicked = "{on: MessageClicked, when: \"event.send == 'reminder'\", to: engaged}"
    stays = "transitions: [{on: ProductViewed, scope: customer, remember: {total: '1.0'}}]\n"
    files = bent(
        CART, f"transitions:\n      - {clicked}\n      - {{after: 2d, to: end}}\n", stays, files
    )

    assert [(e.code, e.message) for e in errors_of(files)] == [
        ("NO_WAY_OUT", "no transition leads out of the stage `nudged`")
    ]


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


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("  views_1h:", "  views-1h:", "a letter, then letters, digits and _, since expressions"),
        ("  order_placed:", "  order placed:", "a letter, then letters, digits, _ and -"),
        ("{after: 2d, to", "{after: 2d, when: consent('a', 'b'), to", "between braces or brackets"),
        ("owner: life", "owner: life: x", "quote text that holds `: `, `#` or tabs"),
    ],
)
def test_what_is_wrong_in_the_form_comes_with_what_to_write(old: str, new: str, hint: str) -> None:
    assert [e.hint[: len(hint)] for e in errors_of(bent(CART, old, new))] == [hint]


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
