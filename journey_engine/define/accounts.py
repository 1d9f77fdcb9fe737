"""Journeys whose subject is an account: what goes with them, and by what they are decided (M3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from journey_engine.define.action_plan import REPLY_TO, Action, datum, factor
from journey_engine.define.company import Company
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expression import EvaluationError, Expression, Scope, Value
from journey_engine.define.feedback import answers
from journey_engine.define.identity import ERASED
from journey_engine.define.place import Place
from journey_engine.define.plan import JourneyPlan, Plan, every_action
from journey_engine.define.profile_plan import ProfileReaders

_CONFLICT = "SUBJECT_CONFLICT"


def by_type(
    journeys: Sequence[JourneyPlan], kept: Sequence[JourneyPlan]
) -> dict[str, tuple[JourneyPlan, ...]]:
    """What `Plan.by_type` holds, of journeys in the order of rule S1: under the event types that
    any version reads.
    """
    reads = {journey.name: journey.reads for journey in journeys}
    for version in kept:
        reads[version.name] |= version.reads
    types = sorted({event_type for names in reads.values() for event_type in names})
    return {name: tuple(one for one in journeys if name in reads[one.name]) for name in types}


def by_version(kept: Sequence[JourneyPlan]) -> dict[tuple[str, int], JourneyPlan]:
    """What `Plan.kept` holds."""
    return {(journey.name, journey.version): journey for journey in kept}


def with_accounts(
    plan: Plan,
    journeys: Sequence[JourneyPlan],
    kept: Sequence[JourneyPlan],
    profile: Mapping[str, ProfileReaders],
) -> Plan:
    """The plan with that of accounts, if there are journeys of these; `profile` is what is counted
    over their events.
    """
    if not journeys:
        return plan
    types = by_type(journeys, kept)
    versions = [*journeys, *kept]
    answered = answers(action for journey in versions for action in every_action(journey))
    read = (types.keys() | profile.keys() | (answered & plan.fields.keys())) - {ERASED}
    names = {journey.name: journey for journey in journeys}
    accounts = replace(
        plan,
        journeys=tuple(journeys),
        by_name=names,
        by_type=types,
        profile=profile,
        fields={name: fields for name, fields in plan.fields.items() if name in read},
        trait_valid={},
        kept=by_version(kept),
        prefers=False,
        memberships={},
        of_accounts=True,
    )
    asked = {journey.name: _addressed(journey) for journey in journeys}
    former = by_version([_addressed(journey) for journey in kept])
    return replace(
        plan,
        accounts=accounts,
        by_name={**plan.by_name, **asked},
        kept={**plan.kept, **former},
    )


def _addressed(journey: JourneyPlan) -> JourneyPlan:
    """The journey as members are asked by it: what its actions read comes along as the event."""
    stages = {
        name: replace(
            stage,
            on_enter=tuple(map(_told, stage.on_enter)),
            on_exit=tuple(map(_told, stage.on_exit)),
            transitions=tuple(
                replace(one, actions=tuple(map(_told, one.actions))) for one in stage.transitions
            ),
        )
        for name, stage in journey.stages.items()
    }
    return replace(journey, stages=stages, migrate={})


def _told(action: Action) -> Action:
    reply_to = action.reply_to
    return replace(
        action,
        when=None,
        delay=0,
        to=None,
        data=tuple((name, _given(one, datum(name))) for name, one in action.data),
        score=tuple((name, _given(one, factor(name))) for name, one in action.score),
        reply_to=None if reply_to is None else _given(reply_to, REPLY_TO),
        falls_back=not action.data,
    )


def _given(expression: Expression, name: str) -> Expression:
    """What the expression gave in the account."""

    def evaluate(scope: Scope) -> Value:
        try:
            return scope.event[name]
        except KeyError:
            raise EvaluationError(f"{name} was not sent along") from None

    kind = expression.kind
    return Expression(expression.text, kind, {("event", name): kind}, evaluate)


def every_journey(plan: Plan) -> tuple[JourneyPlan, ...]:
    """Customers' and accounts'."""
    return plan.journeys if plan.accounts is None else plan.journeys + plan.accounts.journeys


def check_subject(document: JourneyDocument, place: Place, company: Company) -> None:
    """Report what does not go with the journey's subject."""
    for index, form in enumerate(document.exits):
        target = form.switch_to
        if target in company.journeys and (target in company.of_accounts) != document.of_account:
            message = f"`{target}` is about another subject"
            hint = "a customer's journey and an account's do not switch into each other"
            place.at("exits", index, "switch_to").error(_CONFLICT, message, hint)
    if document.of_account:
        _check_account(document, place, company)


def _check_account(document: JourneyDocument, place: Place, company: Company) -> None:
    if not company.profile.has_accounts:
        message = "customer.yaml does not say to which account a customer belongs"
        hint = "such as `account: {from: [AccountLinked.account_id]}`"
        place.at("subject").error(_CONFLICT, message, hint)
    if document.holds is not None:
        message = "an account's journey keeps back no messages of its members"
        place.at("holds").key_error(_CONFLICT, message, "hold them in a journey of the customer")
    for name, stage in document.stages.items():
        at = place.at("stages", name)
        if stage.split is not None and stage.split.unit == "customer":
            message = "an account is no customer"
            at.at("split", "unit").error(_CONFLICT, message, "account or instance")
