"""Customers who belong to an account, and what they tell it (rule M3).

Theory of operation. Whom an event of `customer.yaml` names as the account of its customer is kept
with the customer, and told to the account: who joined, in which role, and who left. Every event
that the account's journeys read goes there as a copy, after the customer's own step; there it is
decided like an event of anybody, over the account's state and plan. A repeat of the copy is found
as that of any event (T6). An answer to what another account had asked for goes to that one, too.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from journey_engine.decide import assignment, ids
from journey_engine.decide.account_state import MEMBERS_MAX, NO_ACCOUNT, Account, Member, Membership
from journey_engine.decide.draft import Draft
from journey_engine.decide.event import Event, Origin
from journey_engine.decide.message import ACCOUNT, AccountEvent, MemberJoined, MemberLeft
from journey_engine.decide.state import VALUE_BYTES_MAX
from journey_engine.define.expression import Value
from journey_engine.define.operation import Operation
from journey_engine.define.plan import Plan
from journey_engine.define.profile_plan import MembershipRule

_COMMAND: Final = "command_id"
_CUSTOMER: Final = "customer_id"


def governed(plan: Plan, operations: Mapping[str, Operation]) -> Plan:
    """The plan under what operators decided, of customers' and of accounts' journeys."""
    accounts = None if plan.accounts is None else governed(plan.accounts, operations)
    return replace(plan, operations=operations, accounts=accounts)


def plan_of(plan: Plan, key: str) -> Plan:
    """By what the state with this key is decided. An account whose journeys are all gone lies
    dormant.
    """
    return (plan.accounts or plan) if key.startswith(ACCOUNT) else plan


def join(draft: Draft, event: Event, rule: MembershipRule) -> None:
    """Keep to which account the customer belongs, if the event tells it; a null tells nothing."""
    account, before = event.fields.get(rule.account), draft.membership
    if draft.customer_id is None or not isinstance(account, str):
        return
    if len(account) > VALUE_BYTES_MAX:
        draft.drop("values")
        return
    if before is not None and (event.occurred_at, event.event_id) <= (before.at, before.event_id):
        return
    role = None if rule.role is None else event.fields.get(rule.role)
    role = role if isinstance(role, str) else None
    draft.membership = Membership(account, role, event.occurred_at, event.event_id)
    draft.heavy = True
    if before is not None and before.account != account:
        _leave(draft, before, event.origin)
    if account != ("" if before is None else before.account) and draft.plan.by_account:
        draft.assigned = assignment.contaminated(draft.assigned, draft.plan.by_account)
    if account and (before is None or (before.account, before.role) != (account, role)):
        name = f"{_name(draft, account)}/{event.event_id}/joined"
        target, customer = ACCOUNT + account, draft.customer_id
        draft.tell(
            MemberJoined(target, ids.named_id(name), draft.clock, event.origin, customer, role)
        )


def leave(draft: Draft, cause: Origin) -> None:
    """The customer is erased: the account forgets them (rule M4)."""
    if draft.membership is not None:
        _leave(draft, draft.membership, cause)


def _leave(draft: Draft, before: Membership, cause: Origin) -> None:
    if before.account and draft.customer_id is not None:
        name = f"{_name(draft, before.account)}/{before.event_id}/left"
        target, customer = ACCOUNT + before.account, draft.customer_id
        draft.tell(MemberLeft(target, ids.named_id(name), draft.clock, cause, customer))


def share(draft: Draft, event: Event) -> None:
    """Copy the event to the customer's account, and an answer to the account that it is for, should
    the customer have left that one; without any nobody is told.
    """
    mine = "" if draft.membership is None else draft.membership.account
    asker = _asker(draft, event)
    if draft.customer_id is None or not (mine or asker):
        draft.drop("no_account")
        return
    fields = event.fields
    if _CUSTOMER in fields:
        fields = {**fields, _CUSTOMER: draft.customer_id}
    if mine:
        _copy(draft, event, fields, mine)
    if asker and asker != mine:
        _copy(draft, event, fields, asker)


def _asker(draft: Draft, event: Event) -> str:
    """The account whose journey asked for the command that the event answers; empty where none did.
    The command is one from before this step, which may have forgotten it.
    """
    open_ = draft.state.open
    command = event.fields.get(_COMMAND) if open_ else None
    if command is not None:
        for one in open_:
            if one.asker is not None and one.sent.command_id == command:
                return one.asker.account
    return ""


def _copy(draft: Draft, event: Event, fields: Mapping[str, Value], account: str) -> None:
    copy = Event(
        event.type,
        event.event_id,
        draft.customer_id,
        event.anonymous_id,
        event.occurred_at,
        event.channel,
        event.source,
        fields,
        event.digest,
        event.recorded_at,
        event.origin,
        event.backfill,
        account,
    )
    name = f"{_name(draft, account)}/{event.source}/{event.event_id}/copied"
    draft.tell(AccountEvent(ACCOUNT + account, ids.named_id(name), draft.clock, event.origin, copy))


def _name(draft: Draft, account: str) -> str:
    return f"{account}/{draft.customer_id}/{draft.state.life}"


def count_member(draft: Draft, message: MemberJoined | MemberLeft) -> None:
    """The account learns who its members are."""
    known = draft.account or NO_ACCOUNT
    members = [one for one in known.members if one.customer != message.customer]
    if isinstance(message, MemberJoined):
        if len(members) >= MEMBERS_MAX:
            draft.drop("members")
            return
        members = sorted([*members, Member(message.customer, message.role)], key=_id)
    draft.account = Account(members, known.asked)


def _id(member: Member) -> str:
    return member.customer
