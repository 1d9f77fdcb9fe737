"""Personal fields, and whatever the definitions copy out of them."""

from journey_engine.define.compiler import compile_plan
from journey_engine.define.personal import personal
from journey_engine.schemas import Schemas

FILES = {
    "topologies/lifecycle.yaml": "stages: {service: {owner: care}}",
    "topologies/policies.yaml": "purposes: {service: {consent: opt_out}}\n",
    "topologies/channels.yaml": """
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send]}
""",
    "topologies/customer.yaml": """
traits:
  called: {from: [AccountOpened.first_name, ProfileChanged.tier]}
  tier: {from: [ProfileChanged.tier]}
features:
  searches: {recent: ProductSearched.query, keep: 5}
  orders: {count: OrderPlaced, within: 30d}
""",
    "topologies/journeys/heard.yaml": """
journey: heard
version: 1
owner: care
objective: Hear who complains
success: happy
review_by: 2027-03-01
purpose: service
features:
  own: {recent: ProductSearched.query, keep: 5}
entry:
  - on: NpsAnswered
    when: "event.score <= 6"
    remember: {score: event.score, words: "event.comment == null ? '' : event.comment"}
updates:
  - {on: ProfileChanged, remember: {echo: instance.words, level: customer.tier}}
goals: {happy: {on: OrderPlaced}}
start: waiting
stages:
  waiting:
    macro_stage: service
    transitions:
      - {on: ProductSearched, to: end, remember: {last: instance.echo}}
      - on: NpsAnswered
        not_followed_by: OrderPlaced
        within: 1d
        to: end
        remember: {unheard: event.comment, low: event.score}
""",
}


def test_what_is_copied_from_a_personal_field_is_personal(schemas: Schemas) -> None:
    found = personal(compile_plan(FILES, schemas), schemas)
    for root, name in [
        ("event", "customer_id"),
        ("event", "comment"),
        ("event", "query"),
        ("customer", "called"),
        ("features", "searches"),
        ("features", "own"),
        ("instance", "words"),
        ("instance", "echo"),
        ("instance", "last"),
        ("instance", "unheard"),
        ("features", "own.at"),
    ]:
        assert found.hides(root, name), (root, name)
    for root, name in [
        ("event", "score"),
        ("customer", "tier"),
        ("customer", "first_name"),
        ("instance", "score"),
        ("instance", "level"),
        ("instance", "low"),
        ("features", "orders"),
    ]:
        assert not found.hides(root, name), (root, name)
    assert len(found.features) == 1
