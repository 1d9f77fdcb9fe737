"""Laws that hold whatever is used together: nobody raises, nobody hangs, everything restarts, each
candidate ends once (laws 1, 4, 6 and 7).
"""

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from journey_engine.decide.decide import decide
from journey_engine.decide.due import next_due
from journey_engine.decide.event import Event, Origin, TimersDue
from journey_engine.decide.message import CHANNEL, Input, Message, ids_of
from journey_engine.decide.room import decide_room
from journey_engine.decide.room_state import EMPTY_CHANNEL, ChannelState
from journey_engine.decide.state import EMPTY, STATE_BYTES_MAX, CustomerState
from journey_engine.define.identity import ERASED, LINKED
from journey_engine.define.plan import Plan
from journey_engine.encode.message import encode_message
from journey_engine.encode.state import decode_state, encode_state
from tests.decide.plans import DAY, HOUR, MINUTE, T0
from tests.properties.everything import ANSWERS, DATES, SHOP, plans

if TYPE_CHECKING:
    from journey_engine.decide.verdict import Decision

KEYS = ("c:anna", "c:anna", "c:bob", "a:v", "a:w")
AFTERWARDS = ("DELIVERED", "FAILED", "BOUNCED", "FALLBACK")
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "k": st.sampled_from(("k1", "k2", None)),
    "n": st.sampled_from((None, 1, 2, 2**63 - 1)),
    "tier": st.sampled_from(("gold", None)),
    "due": st.sampled_from(DATES),
    "zone": st.sampled_from(("Asia/Tokyo", "America/Sao_Paulo", "nowhere", None)),
    "likes": st.sampled_from(("sms", "push", None)),
    "purpose": st.sampled_from(("marketing", "service")),
    "about": st.sampled_from(("email", None)),
    "granted": st.booleans(),
    "permanent": st.booleans(),
    "theme": st.sampled_from(("loan", None)),
}
_OTHERS = ("Profile", "Consent", "Gone", "ExternalSend", LINKED, ERASED)
_KINDS = st.sampled_from((*SHOP, *SHOP, *SHOP, *ANSWERS, *_OTHERS, "tick", "tick"))


class World:
    """States by key, the room on `email`, and messages that come when they come."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.states: dict[str, CustomerState] = {}
        self.room: ChannelState = EMPTY_CHANNEL
        self.waiting: list[Message] = []
        self.decisions: list[Decision] = []
        self.commands: list[str] = []
        self.now = T0

    def take(self, key: str, item: Input) -> None:
        before = self.states.get(key, EMPTY)
        decision = decide(self.plan, before, item, self.now)
        again = decide(self.plan, decode_state(encode_state(before)), item, self.now)
        assert encode_state(again.state) == encode_state(decision.state)
        assert list(map(encode_message, again.messages)) == list(
            map(encode_message, decision.messages)
        )
        assert (again.commands, again.sends) == (decision.commands, decision.sends)
        assert again.transitions == decision.transitions
        assert len(encode_state(decision.state)) <= STATE_BYTES_MAX
        if isinstance(item, TimersDue):
            due = next_due(decision.state)
            assert due is None or due > item.up_to
        self.states[key] = decision.state
        self.decisions.append(decision)
        self.waiting += decision.messages
        self.commands += [one.command_id for one in decision.commands if one.cancels is None]

    def deliver(self) -> None:
        """One message arrives."""
        message = self.waiting.pop(0)
        if not message.target.startswith(CHANNEL):
            self.take(message.target, message)
            return
        decided = decide_room(self.plan, message.target, self.room, message, self.now)
        self.room = decided.state
        self.waiting += decided.messages

    def tick(self, until: int) -> None:
        self.now = max(self.now, until)
        for key in sorted(self.states):
            self.take(key, TimersDue(*ids_of(key), until))
        due = next_due(self.room)
        if due is not None and due <= until:
            decided = decide_room(self.plan, CHANNEL + "email", self.room, None, self.now)
            self.room = decided.state
            self.waiting += decided.messages


def lived(plan: Plan, draw: st.DrawFn) -> World:
    world = World(plan)
    at = T0
    for number in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from((0, 0, 1, MINUTE, 10 * MINUTE, HOUR, DAY)))
        kind = draw(_KINDS)
        if kind == "tick":
            world.tick(at)
        else:
            world.now = max(world.now, at - draw(st.sampled_from((0, 0, MINUTE, 5 * HOUR))))
            item = _event(draw, world, kind, at - draw(st.sampled_from((0, 0, 0, HOUR))), number)
            key = f"c:{item.customer_id}" if item.customer_id else f"a:{item.anonymous_id}"
            world.take(key, item)
        for _ in range(draw(st.integers(0, 3))):
            if world.waiting:
                world.deliver()
    while world.waiting:
        world.deliver()
    return world


def _event(draw: st.DrawFn, world: World, kind: str, at: int, number: int) -> Event:
    customer, visitor = ids_of(draw(st.sampled_from(KEYS)))
    if kind == LINKED:
        customer, visitor = customer or "anna", draw(st.sampled_from(("v", "w")))
    fields = {name: draw(values) for name, values in _VALUES.items()}
    if kind in ANSWERS:
        known = world.commands[-6:] or ["none"]
        fields["command_id"] = draw(st.sampled_from((*known, *known, "none")))
    name = f"e{number}"
    origin = Origin(name, "interactions.web.v1", 0, number)
    backfill = draw(st.integers(0, 9)) == 0
    channel = draw(st.sampled_from(("web", "email")))
    return Event(
        kind, name, customer, visitor, at, channel, "shop", fields, b"", at, origin, backfill
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return lived(draw(plans()), draw)


@given(worlds())
def test_every_candidate_ends_once_whatever_is_used_together(world: World) -> None:
    """And on the way nobody raised, and every restart went on alike (`World.take`)."""
    said: dict[str, list[str]] = {}
    commands: Counter[str] = Counter()
    cancelled: Counter[str] = Counter()
    for decision in world.decisions:
        for one in decision.sends:
            if one.outcome.value not in AFTERWARDS:
                said.setdefault(one.command_id, []).append(one.outcome.value)
        for command in decision.commands:
            (commands if command.cancels is None else cancelled)[
                command.cancels or command.command_id
            ] += 1
    for name, outcomes in said.items():
        final = [one for one in outcomes if one != "DEFERRED"]
        assert final in ([], outcomes[-1:]), outcomes
        assert commands[name] == (outcomes[-1] == "SENT"), outcomes
    assert all(count == 1 for count in commands.values())
    assert all(count == 1 and commands[name] for name, count in cancelled.items())
    still = sum(len(state.pending) for state in world.states.values())
    assert still == sum(outcomes[-1] == "DEFERRED" for outcomes in said.values())
