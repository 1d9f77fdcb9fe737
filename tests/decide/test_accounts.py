"""Rule M3 step by step: customers of an account, and the account's own journeys."""

from dataclasses import replace

from journey_engine.decide.account_state import MEMBERS_MAX, Member
from journey_engine.decide.accounts import governed
from journey_engine.decide.assignment import bucket
from journey_engine.decide.message import AccountEvent, MemberJoined, MemberLeft, timers_of
from journey_engine.define.identity import ERASED
from journey_engine.define.junction_plan import Arm, Split, Unit
from journey_engine.define.operation import Operation
from journey_engine.define.profile_plan import MembershipRule
from journey_engine.errors import EndReason, InputOutcome
from tests.decide.accounts import Partitions, company
from tests.decide.plans import DAY, HOUR, MINUTE, T0, clause, journey, plan, stage

PLAN = company()
GOAL = clause("Done", name="done")
ACME, ANNA = "b:acme", "c:anna"


def linked() -> Partitions:
    """Anna and Bob are of Acme."""
    made = Partitions(PLAN)
    made.links("anna", "acme", 0, "payer")
    made.links("bob", "acme", MINUTE)
    return made


def in_dunning() -> Partitions:
    """Two payments failed, of different members."""
    made = linked()
    made.happens("anna", "PaymentFailed", HOUR)
    made.happens("bob", "PaymentFailed", 2 * HOUR)
    return made


def members(made: Partitions, key: str = ACME) -> list[Member]:
    account = made.states[key].account
    assert account is not None
    return account.members


def test_what_happens_to_any_member_counts_for_the_account() -> None:
    made = in_dunning()
    assert made.stages == {ACME: ["waiting"]}
    [instance] = made.states[ACME].instances
    assert instance.context == {"by": "bob"}
    [entered] = made.of("transitions")
    assert (entered.account_id, entered.customer_id, entered.anonymous_id) == ("acme", None, None)


def test_an_account_knows_its_members_and_their_roles() -> None:
    made = linked()
    assert members(made) == [Member("anna", "payer"), Member("bob", None)]
    made.links("anna", "acme", HOUR, "admin")
    assert members(made) == [Member("anna", "admin"), Member("bob", None)]


def test_a_task_of_an_account_addresses_nobody_and_reads_what_the_account_knows() -> None:
    made = in_dunning()
    made.tick(2 * HOUR + DAY)
    [task] = made.of("commands")
    assert (task.action, task.account_id, task.customer_id) == ("TASK", "acme", None)
    assert task.data == {"by": "bob", "people": ["anna", "bob"], "failures": 2}


def test_the_engine_raises_what_nobody_acknowledged_in_the_account() -> None:
    made = in_dunning()
    made.tick(2 * HOUR + DAY)
    made.tick(6 * HOUR + DAY)
    assert made.of("transitions")[-1].label == "nobody"
    assert ACME not in made.stages


def test_an_answer_reaches_the_account_by_any_member() -> None:
    made = in_dunning()
    made.tick(2 * HOUR + DAY)
    [task] = made.of("commands")
    made.happens("anna", "TaskDone", 3 * HOUR + DAY, command_id=task.command_id)
    assert made.of("transitions")[-1].label == "called"


def test_a_goal_by_another_member_ends_it_and_takes_the_task_back() -> None:
    made = in_dunning()
    made.tick(2 * HOUR + DAY)
    made.happens("anna", "PaymentSucceeded", 3 * HOUR + DAY)
    assert made.of("transitions")[-1].end is EndReason.GOAL
    task, cancel = made.of("commands")
    assert (cancel.action, cancel.cancels) == ("CANCEL", task.command_id)
    assert cancel.account_id == "acme"


def test_accounts_do_not_meet() -> None:
    made = linked()
    made.links("carl", "other", 0)
    made.happens("anna", "PaymentFailed", HOUR)
    made.happens("carl", "PaymentFailed", 2 * HOUR)
    assert not made.stages


def test_events_of_a_customer_of_no_account_are_counted_and_do_nothing() -> None:
    made = Partitions(PLAN)
    for number in range(3):
        decision = made.happens("anna", "PaymentFailed", number)
        assert decision.outcome is InputOutcome.APPLIED
    assert made.dropped("no_account") == 3
    assert list(made.states) == [ANNA]


def test_events_go_to_the_new_account_from_the_link_on() -> None:
    made = linked()
    made.happens("anna", "PaymentFailed", HOUR)
    made.links("anna", "other", 2 * HOUR)
    made.happens("anna", "PaymentFailed", 3 * HOUR)
    made.happens("anna", "PaymentFailed", 4 * HOUR)
    assert made.stages == {"b:other": ["waiting"]}
    assert members(made) == [Member("bob", None)]
    assert members(made, "b:other") == [Member("anna", None)]


def test_an_older_link_that_comes_late_changes_nothing() -> None:
    made = linked()
    made.links("anna", "other", 2 * HOUR)
    made.links("anna", "acme", HOUR)
    assert members(made, "b:other") == [Member("anna", None)]
    assert members(made) == [Member("bob", None)]


def test_an_empty_account_is_none_any_more_and_a_null_tells_nothing() -> None:
    made = linked()
    made.happens("anna", "AccountLinked", HOUR, account_id=None, role=None)
    assert members(made)[0] == Member("anna", "payer")
    made.links("anna", "", 2 * HOUR)
    assert members(made) == [Member("bob", None)]
    made.happens("anna", "PaymentFailed", 3 * HOUR)
    assert made.dropped("no_account") == 1


def test_a_message_that_comes_twice_does_nothing_twice() -> None:
    made = in_dunning()
    before = made.states[ACME]
    for message in [one for one in made.taken if one.target == ACME]:
        made.take(ACME, message, 3 * HOUR)
    assert made.states[ACME] == before
    assert len(made.of("transitions")) == 1


def test_who_is_erased_leaves_the_account() -> None:
    made = linked()
    made.happens("anna", ERASED, HOUR)
    assert members(made) == [Member("bob", None)]
    assert [type(one) for one in made.taken] == [MemberJoined, MemberJoined, MemberLeft]
    made.happens("anna", "PaymentFailed", 2 * HOUR)
    assert made.dropped("no_account") == 1


def test_an_account_knows_a_bounded_number_of_members_and_still_takes_their_events() -> None:
    made = Partitions(PLAN)
    for number in range(MEMBERS_MAX + 1):
        made.links(f"m{number:03}", "acme", number)
    assert len(members(made)) == MEMBERS_MAX
    assert made.dropped("members") == 1
    last = f"m{MEMBERS_MAX:03}"
    made.happens(last, "PaymentFailed", HOUR)
    made.happens(last, "PaymentFailed", 2 * HOUR)
    assert made.stages == {ACME: ["waiting"]}


def test_a_copy_carries_whose_event_it_was() -> None:
    made = linked()
    made.happens("anna", "PaymentFailed", HOUR)
    [copy] = [one for one in made.taken if isinstance(one, AccountEvent)]
    assert (copy.event.customer_id, copy.event.account_id) == ("anna", "acme")
    assert copy.event.occurred_at == T0 + HOUR


def split() -> Partitions:
    """A journey of customers whose experiment draws by account."""
    there = Split(
        "offer",
        Unit.ACCOUNT,
        {"one": Arm("one", 5_000, "end"), "other": Arm("other", 5_000, "end")},
        (0, 5_000),
        ("one", "other"),
    )
    made = plan(
        journey(
            "trial", replace(stage("drawn"), junction=there), entry=[clause("Seen")], goals=[GOAL]
        )
    )
    links = {"AccountLinked": MembershipRule("account_id", "role")}
    fields = {**made.fields, "AccountLinked": frozenset({"account_id", "role"})}
    return Partitions(replace(made, memberships=links, fields=fields))


def arms(made: Partitions) -> dict[str, tuple[str, bool]]:
    """Of each customer the arm, and whether it is contaminated."""
    return {
        key[2:]: (one.arm, one.contaminated)
        for key, state in made.states.items()
        for one in state.assigned
    }


def test_an_experiment_by_account_draws_one_arm_for_all_members() -> None:
    made = split()
    for number in range(40):
        made.links(f"m{number}", f"account-{number % 2}", number)
        made.happens(f"m{number}", "Seen", HOUR)
    found = arms(made)
    for account in (0, 1):
        drawn = {arm for who, arm in found.items() if int(who[1:]) % 2 == account}
        expected = "one" if bucket("offer", f"account-{account}") < 5_000 else "other"
        assert drawn == {(expected, False)}


def test_who_goes_to_another_account_keeps_the_arm_and_is_contaminated() -> None:
    made = split()
    made.links("anna", "acme", 0)
    made.happens("anna", "Seen", HOUR)
    before = arms(made)["anna"]
    made.links("anna", "acme", 2 * HOUR, "payer")
    assert arms(made)["anna"] == before == (before[0], False)
    made.links("anna", "other", 3 * HOUR)
    made.happens("anna", "Seen", 4 * HOUR)
    assert arms(made)["anna"] == (before[0], True)


def test_operators_stop_a_journey_of_accounts_as_any_other() -> None:
    made = in_dunning()
    made.plan = governed(PLAN, {"dunning": Operation(stopped=True)})
    made.take(ACME, timers_of(ACME, -1), 3 * HOUR)
    assert made.of("transitions")[-1].end is EndReason.STOPPED
    made.happens("anna", "PaymentFailed", 4 * HOUR)
    assert not made.stages
