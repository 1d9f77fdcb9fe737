"""A small company and one journey, correct as they stand, for tests to bend."""

from collections.abc import Mapping
from pathlib import Path

from journey_engine.define.compiler import compile_plan
from journey_engine.define.plan import Plan
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.run.zones import load_zones
from journey_engine.schemas import Schemas

ROOT = Path(__file__).parents[2]
SCHEMAS = Schemas.parse(
    {str(path): path.read_text("utf-8") for path in sorted((ROOT / "schemas").rglob("*.avsc"))}
)
MARK = "«"
"""Stands in a bent text where the error is expected."""

LIFECYCLE = "topologies/lifecycle.yaml"
POLICIES = "topologies/policies.yaml"
CHANNELS = "topologies/channels.yaml"
CUSTOMER = "topologies/customer.yaml"
CART = "topologies/journeys/cart.yaml"

FILES: Mapping[str, str] = {
    LIFECYCLE: """\
stages:
  purchase: {owner: shop-lead, description: Pays for something}
  retention: {owner: crm-lead}
""",
    POLICIES: """\
purposes:
  marketing: {consent: opt_in}
  service: {consent: opt_out}
  transactional: {consent: none}
""",
    CHANNELS: """\
channels:
  email: {topic: commands.email.v1, owner: mail, actions: [send], hold: 10m, expires: 2d}
  push: {topic: commands.push.v1, owner: app, actions: [send]}
  callcenter: {topic: commands.callcenter.v1, owner: service, actions: [route, task]}
""",
    CUSTOMER: """\
traits:
  first_name: {from: [AccountOpened.first_name, ProfileChanged.first_name], valid: 7d}
consent:
  set:
    on: ConsentChanged
    purpose: event.purpose
    channel: event.consent_channel
    granted: event.granted
  revoke: [{on: MessageUnsubscribed, purpose: event.purpose}]
  default: {marketing: granted}
reachable:
  email: {set: EmailVerified, clear: [{on: MessageBounced, when: event.permanent}]}
  push: {set: PushTokenAdded, clear: [PushTokenRemoved]}
features:
  spend_90d: {sum: OrderPlaced.total, within: 90d}
""",
    CART: """\
journey: cart
version: 3
owner: lifecycle-team
objective: Bring back customers who leave a filled cart
success: order_placed
review_by: 2027-03-01
purpose: marketing
priority: 70
key: event.cart_id
features:
  views_1h: {count: ProductViewed, within: 1h}
entry:
  - on: CartUpdated
    when: "event.total != null && event.total > 50.0"
    remember: {total: event.total}
updates:
  - {on: CartUpdated, remember: {total: event.total}}
reentry: {mode: after_end, cooldown: 7d, limit: 3, within: 90d, per: customer}
goals:
  order_placed: {on: OrderPlaced, value: event.total}
exits:
  - {on: CartEmptied, reason: emptied}
abandon: {after: 30d}
start: waiting
stages:
  waiting:
    macro_stage: purchase
    transitions:
      - {after: 4h, reset_on: CartUpdated, to: nudged}
  nudged:
    macro_stage: purchase
    owner: mail-team
    on_enter:
      - send:
          id: reminder
          content: cart-reminder
          channels: [preferred, email, push]
          theme: cart
          expires: 1d
          data: {total: instance.total, browsing: features.views_1h}
    transitions:
      - {on: MessageClicked, when: "event.send == 'reminder'", to: engaged}
      - {after: 2d, to: end}
  engaged:
    macro_stage: retention
    transitions:
      - {after: 2d, to: end, outcome: clicked}
""",
}


MILESTONES = """version: 3
milestones:
  filled: {on: CartUpdated, when: event.total > 90.0}
  back: {on: ProductViewed, scope: customer}"""
"""To bend `version: 3` into."""


def bent(file: str, old: str, new: str, files: Mapping[str, str] = FILES) -> dict[str, str]:
    """The files with one text in one of them replaced where it first stands."""
    assert old in files[file], f"{old!r} is not in {file}"
    return {**files, file: files[file].replace(old, new, 1)}


def marked(file: str, files: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, int, int]]:
    """The files without the mark, and the place where it stood."""
    before = files[file][: files[file].index(MARK)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return {**files, file: files[file].replace(MARK, "")}, (file, line, column)


def compiled(files: Mapping[str, str] = FILES) -> Plan:
    return compile_plan(files, SCHEMAS, load_zones())


def errors_of(files: Mapping[str, str]) -> list[DefinitionError]:
    try:
        compiled(files)
    except DefinitionErrors as found:
        return found.errors
    return []
