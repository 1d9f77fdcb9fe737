"""topics.yaml."""

from journey_engine.define.topics import SPARE_BYTES, parse_topics
from tests.define.definitions import ROOT

TEXT = """\
partitions: 6
defaults: {replication: 3, min_in_sync: 2, retention: 7d, timestamp: append}
inputs:
  web: {}
  survey: {retention: 30d}
commands:
  email: {max_bytes: 2000}
outputs:
  transitions: {retention: 365d}
internal:
  customers-changelog: {cleanup: compact, timestamp: create}
"""
DAY = 86_400_000


def test_names_follow_from_places_and_all_have_the_same_partitions() -> None:
    topics = parse_topics("topics.yaml", TEXT, app="shop")

    assert list(topics.all) == [
        "interactions.web.v1",
        "interactions.survey.v1",
        "commands.email.v1",
        "journey.transitions.v1",
        "journey.decisions.v1",
        "journey.deadletters.v1",
        "shop-customers-changelog",
        "shop-inbox",
        "shop-ledger",
    ]
    assert {topic.partitions for topic in topics.all.values()} == {6}
    assert list(topics.inputs) == ["web", "survey"]


def test_a_topic_has_the_defaults_but_for_what_it_sets() -> None:
    topics = parse_topics("topics.yaml", TEXT)

    assert topics.inputs["web"].retention == 7 * DAY
    assert topics.inputs["survey"].retention == 30 * DAY
    assert topics.commands["email"].max_bytes == 2000
    assert topics.inputs["web"].timestamp == "append"
    changelog = topics.internal["customers-changelog"]
    assert (changelog.cleanup, changelog.timestamp) == ("compact", "create")
    assert (changelog.replication, changelog.min_in_sync) == (3, 2)


def test_an_input_with_more_headers_fits_where_it_is_sent_on() -> None:
    text = TEXT.replace("survey: {retention: 30d}", "survey: {max_bytes: 5000000}")
    topics = parse_topics("topics.yaml", text)

    assert topics.internal["inbox"].max_bytes == 5_000_000 + SPARE_BYTES
    assert topics.outputs["deadletters"].max_bytes == 5_000_000 + SPARE_BYTES


def test_a_compacted_topic_keeps_what_a_crash_left_unconfirmed() -> None:
    assert parse_topics("t", TEXT).internal["customers-changelog"].compaction_lag == DAY // 24


def test_states_are_never_deleted_by_time_and_the_ledger_is_never_compacted() -> None:
    text = TEXT.replace("cleanup: compact, ", "")
    topics = parse_topics("t", text.replace("retention: 7d", "cleanup: compact"))

    cleanups = {name: topic.cleanup for name, topic in topics.internal.items()}
    assert cleanups == {"customers-changelog": "compact", "inbox": "delete", "ledger": "delete"}
    assert topics.inputs["web"].cleanup == "compact"


def test_the_projects_own_file_is_right() -> None:
    text = (ROOT / "topologies" / "topics.yaml").read_text("utf-8")

    assert "commands.email.v1" in parse_topics("topics.yaml", text).all
