"""Random plans that use all of the language at once, and random lives under them.

There is no naive interpreter of these: they are for laws that need none. A plan is put together in
Python, past the compiler, so that it may also be what a linter would refuse.
"""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from journey_engine.define.action_plan import Action, ActionKind, CancelOn
from journey_engine.define.calendar_plan import AtPlan, IfPast
from journey_engine.define.expression import EvaluationError, Expression
from journey_engine.define.identity import ERASED, LINKED
from journey_engine.define.junction_plan import Arm, Branch, Choice, Split, Unit
from journey_engine.define.pattern_plan import Element, PatternKind, PatternPlan
from journey_engine.define.plan import (
    ChannelPlan,
    Clause,
    JourneyPlan,
    Plan,
    Reentry,
    ReentryMode,
    StagePlan,
    SwitchPlan,
    TransitionPlan,
    Trigger,
)
from journey_engine.define.policy_plan import (
    Capacity,
    CapPlan,
    Collection,
    Hold,
    Holdout,
    Period,
    Policy,
    PurposePlan,
    Quiet,
    QuietWindow,
)
from journey_engine.define.profile_plan import (
    ConsentRule,
    FeatureOp,
    ProfileReaders,
    ReachRule,
    TraitRule,
)
from journey_engine.errors import CandidateOutcome
from tests.decide.contact import ZONES
from tests.decide.plans import (
    DAY,
    HOUR,
    MINUTE,
    check,
    clause,
    feature,
    journey,
    plan,
    read,
    stage,
)

SHOP = ("View", "Add", "Buy", "Rate")
ANSWERS = (
    "MessageDelivered",
    "MessageBounced",
    "MessageFailed",
    "MessageOpened",
    "MessageClicked",
    "RouteApplied",
    "Shown",
    "Dismissed",
    "TaskAccepted",
    "TaskDeclined",
    "TaskDone",
    "TaskUnacked",
    "TaskExpired",
)
PURPOSES = ("marketing", "service")
NAMES = ("a", "b", "c")
STAGES = ("s0", "s1", "s2", "s3")
_WAITS = st.sampled_from((0, MINUTE, 10 * MINUTE, HOUR, DAY))
_SPANS = st.sampled_from((MINUTE, 10 * MINUTE, HOUR, DAY))
_MAYBE_SPAN = st.one_of(st.none(), _SPANS)
_TYPES = st.sampled_from(SHOP)
_HEARD = st.sampled_from((*SHOP, *SHOP, *ANSWERS))
_KEY = read("event", "k", "string")


def _above_one(value: Any) -> bool:
    if value is None:
        raise EvaluationError("null in a comparison")
    return bool(value > 1)


def _guard() -> st.SearchStrategy[Expression | None]:
    made = st.sampled_from(
        (
            check("event", "n", _above_one),
            check("instance", "x", _above_one),
            check("features", "views", lambda n: n > 2),
            check("customer", "tier", lambda tier: tier is not None),
        )
    )
    return st.one_of(st.none(), st.none(), made)


@dataclass
class _Author:
    draw: st.DrawFn
    name: str
    keyed: bool
    actions: int = 0
    patterns: int = 0

    def journey(self) -> JourneyPlan:
        draw = self.draw
        stages = [self.stage(name) for name in STAGES[: draw(st.integers(1, 4))]]
        if len(stages) > 1 and draw(st.booleans()):
            stages[-1] = self.junction(stages[-1].name)
        made = journey(
            self.name,
            *stages,
            entry=[self.entry() for _ in range(draw(st.integers(1, 2)))],
            goals=[self.clause("won")] if draw(st.booleans()) else (),
            exits=[self.exit() for _ in range(draw(st.integers(0, 2)))],
            updates=[self.updating()] if draw(st.booleans()) else (),
            features={"views": feature(FeatureOp.COUNT, "View", within=HOUR)},
            keyed=self.keyed,
            purpose=draw(st.sampled_from(PURPOSES)),
            priority=draw(st.integers(0, 2)),
            lateness=draw(st.sampled_from((0, HOUR))),
            abandon=draw(st.one_of(st.none(), _SPANS)),
            max_live=draw(st.sampled_from((1, 32))),
            reentry=draw(st.sampled_from(_REENTRY)),
            holds=draw(st.one_of(st.none(), st.sampled_from(_HOLDS))),
        )
        return self._reading_all(made)

    def _reading_all(self, made: JourneyPlan) -> JourneyPlan:
        """With milestones; and it reads the types of patterns, too."""
        met = (self.clause("met"), self.clause("other")) if self.draw(st.booleans()) else ()
        watched = {
            name
            for one in made.stages.values()
            for way in one.transitions
            if way.pattern is not None
            for name in way.pattern.types
        }
        types = {name for one in met for name in one.types}
        return replace(
            made,
            milestones={kind: tuple(one for one in met if kind in one.types) for kind in types},
            milestone_names=tuple(sorted(one.name for one in met)),
            reads=made.reads | types | watched,
        )

    def clause(self, name: str = "", **more: Any) -> Clause:
        key = _KEY if self.keyed and self.draw(st.booleans()) else None
        return clause(self.draw(_HEARD), name=name, key=key, when=self.draw(_guard()), **more)

    def updating(self) -> Clause:
        return replace(self.clause(), remember=(("x", read("event", "n")),))

    def exit(self) -> Clause:
        switch = self.draw(st.one_of(st.none(), st.sampled_from(NAMES)))
        made = self.clause("gone")
        if switch is None:
            return made
        return replace(made, switch=SwitchPlan(switch, _KEY, (("x", read("instance", "x")),)))

    def entry(self) -> Clause:
        draw = self.draw
        made = clause(draw(_TYPES), key=_KEY if self.keyed else None, when=draw(_guard()))
        made = replace(made, remember=(("x", read("event", "n")),))
        if draw(st.integers(0, 2)) == 0:
            pattern = self.pattern()
            made = replace(made, pattern=pattern, types=pattern.types, when=None, remember=())
        elif draw(st.integers(0, 3)) == 0:
            made = replace(made, becomes=check("features", "views", _above_one))
        return made

    def pattern(self, *, since_entry: bool = False) -> PatternPlan:
        draw = self.draw
        self.patterns += 1
        kind = draw(st.sampled_from(PatternKind))
        count = {PatternKind.TIMES: 1, PatternKind.NOT_FOLLOWED_BY: 2}.get(kind, 3)
        key = _KEY if self.keyed else None
        elements = tuple(Element(frozenset({draw(_TYPES)}), None, key) for _ in range(count))
        name = f"{self.name}-{self.patterns}"
        return PatternPlan(name, kind, elements, draw(_SPANS), 2, since_entry)

    def stage(self, name: str) -> StagePlan:
        draw = self.draw
        ways = tuple(replace(self.way(), index=index) for index in range(draw(st.integers(1, 4))))
        made = stage(name, *ways, enter=self.several(2), leave=self.several(1))
        timers = tuple(
            one for one in made.transitions if one.trigger in (Trigger.AFTER, Trigger.AT)
        )
        return replace(made, timers=timers, rank=draw(st.integers(0, 2)))

    def way(self) -> TransitionPlan:
        draw = self.draw
        trigger = draw(st.sampled_from(_TRIGGERS))
        to = draw(st.sampled_from((*STAGES, "end", "end", None)))
        if trigger is Trigger.ALWAYS and to is None:
            to = "end"
        when = draw(_guard())
        made = TransitionPlan(0, trigger, trigger.value, to, actions=self.several(1))
        if trigger is Trigger.EVENT:
            types = frozenset({draw(_HEARD), draw(st.sampled_from(("milestone", "View")))})
            made = replace(made, types=types, key=_KEY if self.keyed else None)
        elif trigger is Trigger.AFTER:
            since = draw(st.one_of(st.none(), st.just(f"{self.name}0")))
            resets = frozenset(draw(st.lists(_TYPES, max_size=1)))
            made = replace(made, after=draw(_WAITS), since=since, reset_on=resets)
        elif trigger is Trigger.AT:
            made = replace(made, at=draw(st.sampled_from(_CALENDAR)))
        elif trigger is Trigger.NOT_FOLLOWED_BY or draw(st.integers(0, 4)) == 0:
            pattern = self.pattern(since_entry=draw(st.booleans()))
            unfollowed = pattern.kind is PatternKind.NOT_FOLLOWED_BY
            trigger = Trigger.NOT_FOLLOWED_BY if unfollowed else Trigger.EVENT
            types = frozenset() if unfollowed else pattern.types
            return replace(made, trigger=trigger, pattern=pattern, types=types)
        return replace(made, when=when)

    def junction(self, name: str) -> StagePlan:
        draw = self.draw
        to = st.sampled_from((*STAGES, "end"))
        if draw(st.booleans()):
            guard = check("instance", "x", _above_one)
            ways = (Branch("when", draw(to), guard), Branch("else", draw(to)))
            return replace(stage(name), junction=Choice(ways))
        arms = {"one": Arm("one", 5_000, draw(to)), "two": Arm("two", 5_000, draw(to))}
        split = Split("trial", draw(st.sampled_from(Unit)), arms, (0, 5_000), ("one", "two"))
        return replace(stage(name), junction=split)

    def several(self, most: int) -> tuple[Action, ...]:
        return tuple(self.action() for _ in range(self.draw(st.integers(0, most))))

    def action(self) -> Action:
        draw = self.draw
        kind = draw(st.sampled_from((ActionKind.SEND, ActionKind.SEND, *ActionKind)))
        name = f"{self.name}{self.actions}"
        self.actions += 1
        made = Action(
            name,
            "content",
            ("desk",),
            kind,
            when=draw(_guard()),
            expires=draw(_MAYBE_SPAN),
            cancel_on=draw(st.sampled_from(CancelOn)),
            delay=draw(st.sampled_from((0, 0, 0, MINUTE, HOUR))),
            priority=draw(st.one_of(st.none(), st.integers(0, 3))),
        )
        if kind is ActionKind.ROUTE:
            return replace(made, reply_to=_KEY, falls_back=False)
        if kind is ActionKind.SHOW:
            return replace(made, slot=draw(st.sampled_from(("top", "side"))))
        if kind is ActionKind.TASK:
            replaces = f"{self.name}0" if draw(st.booleans()) else None
            return replace(made, team="t", ack_within=draw(_MAYBE_SPAN), replaces=replaces)
        if kind is ActionKind.SYNC:
            return replace(made, op=draw(st.sampled_from(("add", "remove"))))
        return self.message(made)

    def message(self, made: Action) -> Action:
        draw = self.draw
        outcomes = draw(st.lists(st.sampled_from(_FAILING), max_size=2))
        to = draw(st.sampled_from((*STAGES, "end")))
        return replace(
            made,
            channels=tuple(draw(st.permutations(("email", "push", "sms"))))[
                : draw(st.integers(1, 3))
            ],
            theme=draw(st.sampled_from((None, "loan", "saving"))),
            preferred=draw(st.booleans()),
            data=(("x", read("instance", "x")),) if draw(st.booleans()) else (),
            score=(("value", read("event", "n", "double")),) if draw(st.booleans()) else (),
            on_suppressed=dict.fromkeys(outcomes, to),
        )


_TRIGGERS = (
    Trigger.EVENT,
    Trigger.EVENT,
    Trigger.AFTER,
    Trigger.AFTER,
    Trigger.AT,
    Trigger.WHEN,
    Trigger.ALWAYS,
    Trigger.NOT_FOLLOWED_BY,
)
_FAILING = [one for one in CandidateOutcome if one.value not in ("SENT", "CANCELLED", "DEFERRED")]
_REENTRY = (
    Reentry(),
    Reentry(ReentryMode.ONCE),
    Reentry(ReentryMode.RESTART),
    Reentry(ReentryMode.RESTART, per_customer=True),
    Reentry(cooldown=HOUR, limit=2, within=DAY),
)
_HOLDS = (
    Hold(DAY, drop=False, purposes=frozenset({"marketing"})),
    Hold(10 * MINUTE, drop=False, journeys=frozenset({"a", "b"})),
    Hold(DAY, drop=True, themes=frozenset({"loan"})),
)
_DATE = read("customer", "due", "string")
_CALENDAR = (
    AtPlan(time=9 * HOUR),
    AtPlan(moves=True, days=1, spread=HOUR),
    AtPlan(date=_DATE, moves=True, if_past=IfPast.RUN),
    AtPlan(date=_DATE, moves=True, days=-1, if_past=IfPast.EXIT),
    AtPlan(date=_DATE, moves=True, time=9 * HOUR, if_past=IfPast.SKIP),
    AtPlan(date=_DATE, moves=True, yearly=True),
)
DATES = ("2026-01-02", "2025-12-31T23:00:00+02:00", "9999-12-31", "0001-01-01", "never", None)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    journeys = [_Author(draw, name, draw(st.booleans())).journey() for name in NAMES]
    profile = {
        "Profile": ProfileReaders(
            traits=(
                TraitRule("tier", "tier"),
                TraitRule("due", "due"),
                TraitRule("timezone", "zone"),
                TraitRule("preferred_channel", "likes"),
            )
        ),
        "Consent": ProfileReaders(
            consent=(
                ConsentRule(
                    read("event", "purpose"), read("event", "about"), read("event", "granted")
                ),
            )
        ),
        "Gone": ProfileReaders(reach=(ReachRule("email", reachable=False),)),
        "ExternalSend": ProfileReaders(sends=True),
    }
    made = plan(
        *journeys,
        profile=profile,
        traits={"tier": HOUR, "due": None, "timezone": None, "preferred_channel": None},
        feedback=ANSWERS,
        consent={"marketing": draw(st.booleans()), "service": True},
    )
    known = {*made.fields, *ANSWERS, LINKED, ERASED}
    return replace(
        made,
        fields={name: frozenset() for name in sorted(known)},
        channels={name: _channel(draw, name) for name in ("desk", "email", "push", "sms")},
        policy=draw(_policies()),
        zones=ZONES,
        prefers=True,
    )


def _channel(draw: st.DrawFn, name: str) -> ChannelPlan:
    capacity = Capacity(1, HOUR) if name == "email" and draw(st.booleans()) else None
    hold = draw(st.sampled_from((0, 0, 10 * MINUTE)))
    return ChannelPlan(name, name, hold, draw(_MAYBE_SPAN), capacity)


@st.composite
def _policies(draw: st.DrawFn) -> Policy:
    counted = frozenset(PURPOSES)
    caps = (
        CapPlan("few", draw(st.integers(0, 3)), Period.DAY, counted=counted),
        CapPlan("rare", 2, Period.ROLLING, HOUR, frozenset({"email"}), counted),
    )
    collections = (
        None,
        Collection(collect=HOUR),
        Collection(slots=(10 * HOUR, 18 * HOUR), defer_losers=True),
        Collection(2, collect=10 * MINUTE, defer_losers=True),
    )
    purposes = {
        name: PurposePlan(
            quiet=draw(st.sampled_from(Quiet)),
            obeys=caps if draw(st.booleans()) else (),
            arbitrate=draw(st.booleans()),
            collection=draw(st.sampled_from(collections)),
            holdouts=(Holdout("out", 5_000),) if draw(st.booleans()) else (),
        )
        for name in PURPOSES
    }
    quiet = (QuietWindow(22 * HOUR, 8 * HOUR),) if draw(st.booleans()) else ()
    conflicts = {"loan": frozenset({"saving"}), "saving": frozenset({"loan"})}
    themes = conflicts if draw(st.booleans()) else {}
    return Policy(purposes, caps, quiet, themes, HOUR)
