"""Journeys with patterns, written as their authors write them."""

from tests.decide.plans import Customer
from tests.define.definitions import CHANNELS, CUSTOMER, FILES, LIFECYCLE, POLICIES, compiled

COMPANY = {name: FILES[name] for name in (LIFECYCLE, POLICIES, CHANNELS, CUSTOMER)}
HEAD = """\
journey: pat
version: 1
owner: team
objective: Try a pattern
success: paid
review_by: 2027-03-01
purpose: service
goals: {paid: {on: PaymentSucceeded, key: event.order_id}}
start: first
"""


def customer(
    entry: str, *transitions: str, key: str | None = None, more: str = "", stages: str = ""
) -> Customer:
    """A customer of one journey: an entry clause, and the transitions of its first stage."""
    head = HEAD if key is not None else HEAD.replace(", key: event.order_id", "")
    listed = transitions or ("{after: 100d, to: end}",)
    text = head + (f"key: {key}\n" if key else "") + f"entry: [{entry}]\n{more}\nstages:\n"
    text += "  first:\n    macro_stage: purchase\n    transitions:\n"
    text += "".join(f"      - {one}\n" for one in listed) + stages
    if "to: second" in text and "  second:" not in text:
        text += "  second: {macro_stage: retention, transitions: [{after: 100d, to: end}]}\n"
    return Customer(compiled({**COMPANY, "topologies/journeys/pat.yaml": text}))
