"""A candidate while a round decides it (section C)."""

from journey_engine.decide import channels, outcomes
from journey_engine.decide.decision import Command
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.define.policy_plan import PLAIN, PurposePlan
from journey_engine.errors import CandidateOutcome


class Case:
    """What a round finds out about a candidate.

    `left` are the channels that were not looked at yet, `tried` the others. `opening` is when the
    first channel opens that only quiet hours keep closed, `trusted` and `known` whether some
    channel had consent, and an address too. `clock` is the time by which it is decided.
    """

    __slots__ = (
        "candidate",
        "channel",
        "clock",
        "known",
        "left",
        "opening",
        "outcome",
        "purpose",
        "ranked",
        "trace",
        "tried",
        "trusted",
    )

    def __init__(self, draft: Draft, candidate: Candidate) -> None:
        self.candidate = candidate
        self.purpose: PurposePlan = draft.plan.policy.purposes.get(candidate.journey.purpose, PLAIN)
        self.clock = draft.now if candidate.fresh else max(draft.now, candidate.place.due)
        self.trace: list[str] = []
        self.left: list[str] = channels.in_order(draft, candidate)
        self.tried: list[str] = []
        self.channel: str | None = None
        """The first channel that is open."""
        self.trusted = False
        self.known = False
        self.opening: int | None = None
        self.ranked: outcomes.Ranked | None = None
        self.outcome: CandidateOutcome | None = None
        """Once it is settled."""

    def settle(
        self, draft: Draft, outcome: CandidateOutcome, written: Command | None = None
    ) -> None:
        """Record what became of it."""
        self.outcome = outcome
        place, tried = self.candidate.place, tuple(self.tried)
        outcomes.settle(draft, place, outcome, self.trace, tried, written, self.ranked)
