"""Two teams want one customer on one day, hours apart: the more valuable offer wins the slot."""

from journey_engine.define.compiler import compile_plan
from journey_engine.schemas import Schemas
from journey_engine.testing import run_tests

COMPANY = {
    "topologies/lifecycle.yaml": "stages: {consideration: {owner: sales}}",
    "topologies/policies.yaml": """
purposes:
  marketing: {consent: opt_out, quiet: defer, obeys: [day], counts: [day], arbitrate: true}
  service: {consent: none, quiet: ignore, counts: [day]}
caps: {day: {max: 1, calendar: day}}
quiet_hours: [{start: "22:00", end: "08:00"}]
arbitration: {purpose: marketing, slots: ["10:00", "18:00"], winners: 1, losers: drop, score: pcvl}
""",
    "topologies/channels.yaml": """
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send]}
  push: {topic: commands.push.v1, owner: app, actions: [send]}
""",
    "topologies/customer.yaml": """
reachable: {push: {set: PushTokenAdded, clear: PushTokenRemoved}}
""",
}
OFFER = """
journey: offer-{what}
version: 1
owner: {what}s-team
objective: Offer a {what} to those who look for one
success: bought
review_by: 2027-03-01
purpose: marketing
features:
  looks: {{count: PageViewed, where: "event.intent == '{what}'", within: 7d}}
entry: [{{on: PageViewed, when: "event.intent == '{what}'"}}]
goals: {{bought: {{on: OrderPlaced}}}}
start: offer
stages:
  offer:
    macro_stage: consideration
    on_enter:
      - send:
          id: {what}
          content: {what}-offer
          channels: [preferred, push, email]
          expires: 2d
          score: {{propensity: "features.looks > 1 ? 0.8 : 0.2", value: {value}}}
          on_suppressed: {{LOWER_PRIORITY: end, else: continue}}
    transitions: [{{after: 14d, to: end, outcome: unanswered}}]
"""
TESTS = """
tests:
  - name: The loan is worth more, the card came first
    steps:
      - {at: "2026-03-02T08:30Z", PageViewed: {page: cards, intent: card}}
      - {after: 1h, PageViewed: {page: loans, intent: loan}}
      - {after: 1d}
    then:
      sent: [{send: loan, at: "2026-03-02T10:00Z"}]
      suppressed: [{send: card, outcome: LOWER_PRIORITY, at: "2026-03-02T10:00Z"}]
      ended: [{journey: offer-card, at: "2026-03-02T10:00Z"}]
  - name: Who looks for a card again and again wants the card
    steps:
      - {at: "2026-03-02T08:00Z", PageViewed: {page: loans, intent: loan}}
      - {after: 10m, PageViewed: {page: cards, intent: card}}
      - {after: 10m, PageViewed: {page: cards, intent: card}}
      - {after: 1d}
    then:
      sent: [{send: card}]
      suppressed: [{send: loan, outcome: LOWER_PRIORITY}]
  - name: In the evening of the same day the cap is used up
    steps:
      - {at: "2026-03-02T09:00Z", PageViewed: {page: loans, intent: loan}}
      - {after: 3h, PageViewed: {page: cards, intent: card}}
      - {after: 1d}
    then:
      sent: [{send: loan, at: "2026-03-02T10:00Z"}]
      suppressed: [{send: card, outcome: CAP_REACHED, at: "2026-03-02T18:00Z"}]
  - name: A night owl is written to at the first slot of the morning
    steps:
      - {at: "2026-03-02T23:00Z", PageViewed: {page: loans, intent: loan}}
      - {after: 1d}
    then: {sent: [{send: loan, at: "2026-03-03T10:00Z"}]}
  - name: Somebody else has written already
    steps:
      - {at: "2026-03-02T08:30Z", ExternalSend: {purpose: service}}
      - {after: 1m, PageViewed: {page: loans, intent: loan}}
      - {after: 8h}
    then: {suppressed: [{send: loan, outcome: CAP_REACHED}]}
"""


def test_the_more_valuable_wins_at_the_slot_and_the_other_is_recorded(schemas: Schemas) -> None:
    offers = {
        f"topologies/journeys/offer-{what}.yaml": OFFER.format(what=what, value=value)
        for what, value in (("loan", 120.0), ("card", 60.0))
    }
    plan = compile_plan({**COMPANY, **offers}, schemas)

    report = run_tests({"silo-breaker.test.yaml": TESTS}, plan, schemas)

    assert [str(one) for result in report.failed for one in result.failures] == []
    assert len(report.results) == 5
