"""Two stories from YAML to what customers live through: onboarding, and abandon and switch."""

from collections.abc import Mapping

import pytest

from journey_engine.decide.assignment import bucket
from journey_engine.define.allocation import allocated
from journey_engine.define.compiler import compile_plan
from journey_engine.schemas import Schemas
from journey_engine.testing import TestReport, run_tests

COMPANY = {
    "topologies/lifecycle.yaml": "stages: {onboarding: {owner: growth}, use: {owner: growth}}",
    "topologies/policies.yaml": "purposes: {service: {consent: opt_out}}",
    "topologies/channels.yaml": """
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send], hold: 10m}
  callcenter: {topic: commands.callcenter.v1, owner: desk, actions: [task]}
""",
    "topologies/customer.yaml": "traits: {first_name: {from: [ProfileChanged.first_name]}}",
}
WELCOME = """
journey: welcome
version: 1
owner: growth-team
objective: A new customer is verified, has bought and uses the app within 60 days
success: activated
review_by: 2027-03-01
purpose: service
entry: [{on: AccountOpened, remember: {came_by: event.acquisition_channel}}]
reentry: {mode: once}
milestones:
  verified: {on: EmailVerified}
  bought: {on: OrderPlaced, when: "event.total > 0.0"}
  app: {on: AppSignedIn}
goals: {activated: {when: "milestones.verified && milestones.bought && milestones.app"}}
exits:
  - {on: ConsentChanged, when: "event.purpose == 'all'", reason: closed}
  - {on: ContractStarted, switch_to: upgrade, with: {came_by: instance.came_by}}
abandon: {after: 60d}
start: waiting
stages:
  waiting:
    macro_stage: onboarding
    transitions:
      - {after: 3d, reset_on: milestone, to: stuck}
  stuck:
    macro_stage: onboarding
    choose:
      - {when: "stage('nudge').visits < 2", to: nudge}
      - {to: call}
  nudge:
    macro_stage: onboarding
    on_enter:
      - send: {id: nudge, content: nudge, channels: [email], data: {missing: milestones.missing}}
    transitions: [{always: true, to: waiting}]
  call:
    macro_stage: onboarding
    on_enter:
      - task: {id: call, channel: callcenter, team: welcome, ack_within: 4h, expires: 3d}
    transitions:
      - {on: TaskUnacked, to: end, outcome: unreached}
      - {on: [TaskDone, TaskDeclined, TaskExpired], to: end, outcome: called}
"""
UPGRADE = """
journey: upgrade
version: 1
owner: growth-team
objective: Who upgrades stays
success: renewed
review_by: 2027-03-01
purpose: service
entry: [{on: NpsAnswered, when: event.score > 8, remember: {came_by: event.comment}}]
goals: {renewed: {on: ContractRenewed}}
reentry: {mode: once}
start: offer
stages:
  offer:
    macro_stage: use
    split:
      experiment: gift-2026
      unit: customer
      arms:
        control: {share: 50%, to: quiet}
        gift: {share: 50%, to: gifted}
  gifted:
    macro_stage: use
    on_enter: [{send: {id: gift, content: gift, channels: [email], data: {by: instance.came_by}}}]
    transitions: [{after: 30d, to: end, outcome: gifted}]
  quiet:
    macro_stage: use
    transitions: [{after: 30d, to: end, outcome: quiet}]
"""
WELCOME_TESTS = """
tests:
  - name: Milestones in any order reach the goal at once, in the middle of a wait
    steps:
      - {at: "2026-01-05T10:00Z", AccountOpened: {acquisition_channel: ad}}
      - {after: 1d, AppSignedIn: {}}
      - {after: 1d, OrderPlaced: {order_id: o1, total: 0.0}}
      - {after: 1d, OrderPlaced: {order_id: o2, total: 5.0}}
      - {after: 1d, EmailVerified: {}}
    then:
      sent: []
      ended: [{as: activated, at: "2026-01-09T10:00Z"}]

  - name: Each first reach starts the three days anew, a repeat does not
    steps:
      - {at: "2026-01-05T10:00Z", AccountOpened: {}}
      - {after: 2d, AppSignedIn: {}}
      - {after: 2d, AppSignedIn: {}}
      - {after: 1d}
    then:
      sent: [{send: nudge, at: "2026-01-10T10:00Z", data: {missing: ["bought", "verified"]}}]

  - name: Who stays stuck is nudged twice, then called
    steps:
      - {at: "2026-01-05T10:00Z", AccountOpened: {}}
      - {after: 9d}
      - {after: 4h}
    then:
      sent:
        - {send: nudge, at: "2026-01-08T10:00Z"}
        - {send: nudge, at: "2026-01-11T10:00Z"}
      tasks: [{task: call, at: "2026-01-14T10:00Z"}]
      ended: [{as: unreached, at: "2026-01-14T14:00Z"}]

  - name: An upgrade takes the customer along; the message that waited is taken back
    steps:
      - {at: "2026-01-05T10:00Z", AccountOpened: {acquisition_channel: ad}}
      - {after: 3d}
      - {after: 1m, ContractStarted: {contract_id: k1}}
      - {after: 90d}
    then:
      cancelled: [{send: nudge, at: "2026-01-08T10:01Z"}]
      ended: [{as: SWITCHED}]
      entered: [{at: "2026-01-05T10:00Z"}]
"""
UPGRADE_TESTS = """
tests:
  - name: Who comes from the welcome is in the arm that is theirs, with what was known of them
    steps:
      - {at: "2026-01-05T10:00Z", AccountOpened: {acquisition_channel: ad}}
      - {after: 1d, ContractStarted: {contract_id: k1}}
    then:
      entered: [{at: "2026-01-06T10:00Z"}]
      visited: [{stage: offer}, {stage: ARM}]
      stage: [{stage: ARM}]

  - name: A second upgrade is refused there, once in a life
    steps:
      - {at: "2026-01-05T10:00Z", NpsAnswered: {score: 9, comment: s}}
      - {after: 40d, AccountOpened: {}}
      - {after: 1d, ContractStarted: {contract_id: k2}}
    then:
      entered: [{at: "2026-01-05T10:00Z"}]
"""


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    written = {
        **COMPANY,
        "topologies/journeys/welcome.yaml": WELCOME,
        "topologies/journeys/upgrade.yaml": UPGRADE,
    }
    return {**written, "topologies/experiments.lock.yaml": allocated(written).text}


@pytest.fixture(scope="module")
def report(files: Mapping[str, str], schemas: Schemas) -> TestReport:
    arm = "quiet" if bucket("gift-2026", "customer-1") < 5_000 else "gifted"
    tests = {
        "topologies/journeys/welcome.test.yaml": WELCOME_TESTS,
        "topologies/journeys/upgrade.test.yaml": UPGRADE_TESTS.replace("ARM", arm),
    }
    return run_tests(tests, compile_plan(files, schemas), schemas)


def test_the_stories_come_out_as_told(report: TestReport) -> None:
    assert [str(failure) for result in report.failed for failure in result.failures] == []
    assert len(report.results) == 6


def test_milestones_junctions_and_switches_are_covered(report: TestReport) -> None:
    missed = {cover.journey: cover.missed for cover in report.coverage}
    assert ("milestone", "verified") not in missed["welcome"]
    assert ("transition", "stuck -> call (else)") not in missed["welcome"]
    assert ("exit", "upgrade") not in missed["welcome"]
    assert ("exit", "closed") in missed["welcome"]
    arms = {part for part in missed["upgrade"] if part[1].startswith("offer -> ")}
    assert len(arms) <= 1
