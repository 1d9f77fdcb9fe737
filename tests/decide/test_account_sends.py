"""Rule M3: what an account's journey sends to members is decided where each of them is."""

import pytest

from journey_engine.decide.message import SendAsked, SendSettled
from journey_engine.decide.state import Standing
from journey_engine.define.identity import ERASED
from journey_engine.define.plan import Plan
from journey_engine.errors import CandidateOutcome
from tests.decide.accounts import DUNNING, SENDS, Partitions, company, files
from tests.decide.plans import DAY, HOUR, MINUTE, T0
from tests.define.definitions import POLICIES, bent, compiled

ACME = "b:acme"


def plan(to: str, old: str = "", new: str = "") -> Plan:
    made = files(SENDS.replace("TO", to))
    return compiled(bent(DUNNING, old, new, made) if old else made)


def acme(made: Plan, *, push: bool = True) -> Partitions:
    """Anna, who pays, and Bob are of Acme; both have the app, where `push`."""
    world = Partitions(made)
    world.links("anna", "acme", 0, "payer")
    world.links("bob", "acme", 1)
    for who in ("anna", "bob") if push else ():
        world.happens(who, "PushTokenAdded", 2)
    return world


@pytest.mark.parametrize(
    ("to", "people"),
    [("event.customer_id", ["bob"]), ("role('payer')", ["anna"]), ("members", ["anna", "bob"])],
)
def test_whom_it_addresses(to: str, people: list[str]) -> None:
    world = acme(plan(to))
    world.happens("bob", "PaymentFailed", HOUR)
    commands = world.of("commands")
    assert [(one.customer_id, one.account_id, one.send_id) for one in commands] == [
        (who, "acme", "pay") for who in people
    ]
    assert len({one.command_id for one in commands}) == len(people)
    assert all(one.data == {"by": "bob", "failures": 1} for one in commands)
    assert [one.outcome for one in world.of("sends")] == [CandidateOutcome.SENT] * len(people)


def test_the_consent_of_each_member_counts() -> None:
    world = acme(plan("members"))
    world.happens("anna", "MessageUnsubscribed", MINUTE, purpose="service")
    world.happens("bob", "PaymentFailed", HOUR)
    found = {one.customer_id: one.outcome.value for one in world.of("sends")}
    assert found == {"anna": "NO_CONSENT", "bob": "SENT"}
    assert {one.account_id for one in world.of("sends")} == {"acme"}


def test_members_rank_it_by_the_score_that_the_account_gave() -> None:
    score = "score: {value: account.features.failures * 3, propensity: instance.none}"
    made = files(SENDS.replace("TO", "members").replace("{by:", "{none: event.amount, by:", 1))
    expires = "          expires: 1d\n"
    made = bent(DUNNING, expires, f"{expires}          {score}\n", made)
    service = "  service: {consent: opt_out"
    world = acme(compiled(bent(POLICIES, f"{service}}}", f"{service}, arbitrate: true}}", made)))
    world.happens("bob", "PaymentFailed", HOUR)
    assert [(one.score, one.trace[:2]) for one in world.of("sends")] == [
        (3.0, ("score propensity missing, counts 1", "score value 3"))
    ] * 2


def test_what_came_to_nothing_moves_the_accounts_instance() -> None:
    world = acme(plan("event.customer_id"), push=False)
    world.happens("bob", "PaymentFailed", HOUR)
    assert [one.outcome for one in world.of("sends")] == [CandidateOutcome.UNREACHABLE]
    assert world.stages == {ACME: ["alone"]}
    assert world.of("transitions")[-1].trigger == "suppressed"


def test_where_nobody_has_the_role_nobody_is_asked_and_the_account_says_so() -> None:
    world = acme(plan("role('admin')"))
    world.happens("bob", "PaymentFailed", HOUR)
    [send] = world.of("sends")
    assert (send.outcome, send.account_id) == (CandidateOutcome.UNREACHABLE, "acme")
    assert send.trace[-1] == "nobody of the account is meant"
    assert world.stages == {ACME: ["alone"]}


def test_an_answer_to_a_members_command_reaches_the_accounts_instance() -> None:
    world = acme(plan("members"))
    world.happens("bob", "PaymentFailed", HOUR)
    _, second = world.of("commands")
    world.happens("bob", "MessageClicked", 2 * HOUR, command_id=second.command_id)
    assert world.of("transitions")[-1].label == "clicked"


@pytest.mark.parametrize(
    ("answer", "permanent", "standing"),
    [
        ("MessageDelivered", False, Standing.TAKEN),
        ("MessageBounced", False, Standing.OPEN),
        ("MessageBounced", True, Standing.CLOSED),
    ],
)
def test_the_account_knows_what_became_of_a_members_command(
    answer: str, *, permanent: bool, standing: Standing
) -> None:
    world = acme(plan("role('payer')"))
    world.happens("bob", "PaymentFailed", HOUR)
    [command] = world.of("commands")
    name = command.command_id
    world.happens("anna", answer, 2 * HOUR, command_id=name, permanent=permanent)
    [instance] = world.states[ACME].instances
    assert [one.standing for one in instance.sent] == [standing]


def test_a_wait_counts_from_the_members_command() -> None:
    world = acme(plan("role('payer')"))
    world.happens("bob", "PaymentFailed", HOUR)
    world.tick(HOUR + 2 * DAY - 1)
    assert world.stages == {ACME: ["asked"]}
    world.tick(HOUR + 2 * DAY)
    assert world.of("transitions")[-1].label == "silent"


def held() -> Partitions:
    """The channel keeps a message for ten minutes."""
    world = acme(plan("members", "channels: [push]", "channels: [email]"))
    for who in ("anna", "bob"):
        world.happens(who, "EmailVerified", 3)
    world.happens("bob", "PaymentFailed", HOUR)
    return world


def test_the_end_of_the_accounts_instance_takes_back_what_members_have_not_got() -> None:
    world = held()
    sent = world.of("commands")
    world.happens("anna", "PaymentSucceeded", HOUR + MINUTE)
    cancels = world.of("commands")[2:]
    assert [(one.action, one.customer_id, one.cancels) for one in cancels] == [
        ("CANCEL", one.customer_id, one.command_id) for one in sent
    ]
    account = world.states[ACME].account
    assert account is not None
    assert account.asked == []


def test_nothing_is_taken_back_that_left() -> None:
    world = held()
    world.happens("anna", "PaymentSucceeded", 2 * HOUR)
    assert len(world.of("commands")) == 2


def quiet_until_eight() -> Partitions:
    """The payer gets nothing before 8 o'clock."""
    quiet = """  service: {consent: opt_out, quiet: defer}
  transactional: {consent: none, quiet: ignore}
quiet_hours: [{start: "00:00", end: "08:00", channels: [push]}]
"""
    old = "  service: {consent: opt_out}\n  transactional: {consent: none}\n"
    made = bent(POLICIES, old, quiet, files(SENDS.replace("TO", "role('payer')")))
    made = bent(POLICIES, "consent: opt_in", "consent: opt_in, quiet: defer", made)
    world = acme(compiled(made))
    world.happens("bob", "PaymentFailed", HOUR)
    return world


def test_a_wait_counts_from_when_a_member_gets_what_waits() -> None:
    world = quiet_until_eight()
    world.tick(8 * HOUR)
    assert len(world.of("commands")) == 1
    world.tick(8 * HOUR + 2 * DAY - 1)
    assert world.stages == {ACME: ["asked"]}
    world.tick(8 * HOUR + 2 * DAY)
    assert world.of("transitions")[-1].label == "silent"


def test_what_waits_with_a_member_is_withdrawn_at_the_end() -> None:
    world = quiet_until_eight()
    [waiting] = world.states["c:anna"].pending
    account = world.states[ACME].account
    assert account is not None
    assert [one.due for one in account.asked] == [waiting.due] == [T0 + 8 * HOUR]

    world.happens("bob", "PaymentSucceeded", 2 * HOUR)
    assert [one.outcome.value for one in world.of("sends")] == ["DEFERRED", "CANCELLED"]
    assert not world.states["c:anna"].pending
    world.tick(9 * HOUR)
    assert not world.of("commands")


def test_a_delay_passes_in_the_account_before_anybody_is_asked() -> None:
    world = acme(
        plan("members", "          expires: 1d\n", "          expires: 1d\n          delay: 1h\n")
    )
    world.happens("bob", "PaymentFailed", HOUR)
    world.tick(2 * HOUR)
    assert [one.created_at for one in world.of("commands")] == [T0 + 2 * HOUR] * 2


def test_a_delay_that_the_end_cuts_short_asks_nobody() -> None:
    world = acme(
        plan("members", "          expires: 1d\n", "          expires: 1d\n          delay: 1h\n")
    )
    world.happens("bob", "PaymentFailed", HOUR)
    assert not world.of("commands")
    world.happens("anna", "PaymentSucceeded", HOUR + MINUTE)
    world.tick(3 * HOUR)
    assert not world.of("commands")
    assert [one.outcome.value for one in world.of("sends")] == ["DEFERRED", "CANCELLED"]


def test_a_repeated_message_asks_and_settles_once() -> None:
    world = acme(plan("members"))
    world.happens("bob", "PaymentFailed", HOUR)
    again = [one for one in world.taken if isinstance(one, SendAsked | SendSettled)]
    states = dict(world.states)
    for message in again:
        world.take(message.target, message, HOUR + MINUTE)
    assert world.states == states
    assert len(world.of("commands")) == 2


@pytest.mark.parametrize("erased", [HOUR, 2 * HOUR])
def test_who_is_erased_before_the_question_comes_gets_nothing(erased: int) -> None:
    world = acme(plan("role('payer')"))
    world.held = True
    world.happens("bob", "PaymentFailed", HOUR)
    [copy] = world.waiting
    world.waiting = []
    world.take(ACME, copy, HOUR)
    [question], world.waiting = world.waiting, []
    world.held = False
    world.happens("anna", ERASED, erased)
    world.take("c:anna", question, erased)
    assert not world.of("commands")
    assert [one.outcome for one in world.of("sends")] == [CandidateOutcome.CANCELLED]


def test_members_of_two_accounts_never_share_a_command() -> None:
    world = acme(plan("event.customer_id"))
    world.happens("bob", "PaymentFailed", HOUR)
    world.links("bob", "other", 2 * HOUR)
    world.happens("bob", "PaymentFailed", 3 * HOUR)
    first, second = world.of("commands")
    assert (first.journey.entry_no, second.journey.entry_no) == (1, 1)
    assert first.command_id != second.command_id


def test_a_task_for_a_member_is_missed_in_the_account() -> None:
    call = "task: {id: pay, channel: callcenter, team: desk, ack_within: 1h, to: TO}"
    head, _, rest = SENDS.partition("      - send:")
    rest = rest[rest.index("    transitions:") : rest.index("  alone:")]
    text = f"{head}      - {call}\n{rest}".replace("MessageClicked", "TaskUnacked")
    text = text.replace("TO", "event.customer_id")
    world = acme(company(text))
    world.happens("bob", "PaymentFailed", HOUR)
    [task] = world.of("commands")
    assert (task.action, task.customer_id) == ("TASK", "bob")
    world.tick(2 * HOUR)
    assert world.of("transitions")[-1].trigger == "TaskUnacked"
    label = world.of("transitions")[-1].label
    assert label == "clicked"


def test_a_send_refused_in_a_stage_entered_again_counts_as_the_entry() -> None:
    again = SENDS.replace("to: end, outcome: clicked", "to: asked")
    again = again.replace("{else: {to: alone}}", "{CAP_REACHED: {to: alone}}")
    world = acme(company(again.replace("TO", "role('payer')")))
    world.happens("bob", "PaymentFailed", HOUR)
    [command] = world.of("commands")
    world.happens("anna", "PushTokenRemoved", DAY)
    world.happens("anna", "MessageClicked", 2 * DAY, command_id=command.command_id)
    assert world.of("sends")[-1].outcome is CandidateOutcome.UNREACHABLE
    world.tick(4 * DAY - 1)
    assert world.stages == {ACME: ["asked"]}
    world.tick(4 * DAY)
    assert world.of("transitions")[-1].label == "silent"
