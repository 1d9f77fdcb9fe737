"""Rule C7: which channel a customer prefers."""

from dataclasses import replace

from journey_engine.decide.decide import decide
from journey_engine.decide.event import changed
from journey_engine.decide.state import CustomerState
from journey_engine.define.plan import Plan
from journey_engine.define.profile_plan import ProfileReaders, TraitRule
from tests.decide.plans import DAY, Customer, clause, event, journey, on, plan, send, stage

ANSWERS = ("MessageDelivered", "MessageOpened", "MessageClicked", "MessageBounced")


def preferring() -> Plan:
    hi = replace(send("hi", "email", "push", "sms"), preferred=True)
    made = plan(
        journey("j", stage("in", on("Again", to="in"), enter=[hi]), entry=[clause("Start")]),
        profile={"Profiled": ProfileReaders(traits=(TraitRule("preferred_channel", "channel"),))},
        traits={"preferred_channel": None},
        feedback=ANSWERS,
    )
    for name in ANSWERS:
        made.fields.setdefault(name, frozenset({"command_id"}))  # type: ignore[attr-defined]  # a dict here
    object.__setattr__(made, "prefers", True)
    made.__post_init__()
    return made


class Reader(Customer):
    """A customer who answers messages."""

    def answers(self, kind: str, channel: str, at: int, times: int = 1) -> None:
        for number in range(times):
            item = event(kind, at, f"{kind}{channel}{at}{number}", command_id="x", permanent=False)
            item = changed(item, channel=channel)
            self.state = decide(self.plan, self.state, item, item.occurred_at).state

    def chosen(self, at: int) -> str:
        kind = "Again" if self.state.instances else "Start"
        return str(self.give(kind, at).commands[-1].channel)


def test_c7_without_answers_the_list_decides() -> None:
    assert Reader(preferring()).chosen(0) == "email"


def test_c7_clicks_count_three_opens_one_bounces_minus_five() -> None:
    customer = Reader(preferring())
    for channel in ("push", "sms"):
        customer.answers("MessageDelivered", channel, 0, times=5)
    customer.answers("MessageOpened", "push", 1, times=5)
    customer.answers("MessageClicked", "sms", 1, times=2)
    assert customer.chosen(DAY) == "sms"
    customer.answers("MessageBounced", "sms", DAY)
    assert customer.chosen(2 * DAY) == "push"


def test_c7_answers_of_the_window_add_up() -> None:
    customer = Reader(preferring())
    for at, opened in ((0, 3), (9 * DAY, 1)):
        customer.answers("MessageDelivered", "push", at, times=3)
        customer.answers("MessageOpened", "push", at + 1, times=opened)
    customer.answers("MessageDelivered", "sms", 9 * DAY, times=5)
    customer.answers("MessageOpened", "sms", 9 * DAY + 1, times=3)
    assert customer.chosen(10 * DAY) == "push"


def test_c7_less_than_five_deliveries_say_nothing() -> None:
    customer = Reader(preferring())
    customer.answers("MessageDelivered", "sms", 0, times=4)
    customer.answers("MessageClicked", "sms", 0, times=4)
    assert customer.chosen(1) == "email"
    customer.answers("MessageDelivered", "sms", 1)
    assert customer.chosen(2) == "sms"


def test_c7_what_is_older_than_90_days_is_forgotten() -> None:
    customer = Reader(preferring())
    customer.answers("MessageDelivered", "sms", 0, times=5)
    customer.answers("MessageClicked", "sms", 0, times=5)
    assert customer.chosen(87 * DAY) == "sms"
    assert customer.chosen(93 * DAY) == "email"
    customer.answers("MessageDelivered", "sms", 200 * DAY)
    assert len(customer.state.engagement["sms"]) == 1


def test_c7_a_declared_preference_comes_first_a_channel_not_in_the_list_never() -> None:
    customer = Reader(preferring())
    customer.give("Profiled", 0, channel="push")
    assert customer.chosen(1) == "push"
    customer.give("Profiled", 2, channel="fax")
    assert customer.chosen(3) == "email"


def test_c7_nothing_is_counted_where_nobody_asks_for_a_preference() -> None:
    made = preferring()
    object.__setattr__(made, "prefers", False)
    customer = Reader(made)
    customer.answers("MessageDelivered", "sms", 0, times=5)
    assert customer.state == CustomerState(seen=customer.state.seen)
