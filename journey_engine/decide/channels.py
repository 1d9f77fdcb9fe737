"""Which channel comes first: the customer's declared one, the one they answer on, the list (C7).

What was answered is counted by channel in buckets of three days, the last thirty of them: at
most 90 days. It is counted only where some action says `preferred`.
"""

from typing import Final

from journey_engine.decide import profile
from journey_engine.decide.draft import Candidate, Draft
from journey_engine.decide.event import Event
from journey_engine.decide.state import ENGAGEMENT_BUCKET_MS, ENGAGEMENT_BUCKETS

DELIVERIES_MIN: Final = 5
"""Fewer deliveries of a channel say nothing yet."""
TRAIT: Final = "preferred_channel"
"""The trait by which a customer declares a preference."""
COUNTED: Final = {
    "MessageDelivered": 1,
    "MessageOpened": 2,
    "MessageClicked": 3,
    "MessageBounced": 4,
}
"""The event types that are counted, and their place in a bucket."""
_CLICK, _BOUNCE = 3, 5

Bucket = tuple[int, int, int, int, int]


def in_order(draft: Draft, candidate: Candidate) -> list[str]:
    """The channels to be looked at, in order, without those of former attempts."""
    action, tried = candidate.action, candidate.place.tried
    left = [channel for channel in action.channels if channel not in tried]
    if not action.preferred:
        return left
    scores = {channel: _score(draft, channel) for channel in left}
    declared = profile.traits_at(draft.plan, draft.traits, draft.now).get(TRAIT)
    return sorted(left, key=lambda channel: (channel != declared, -scores[channel]))


def count(draft: Draft, event: Event) -> None:
    """Count an answer to a message, by the channel that the event names."""
    place = COUNTED.get(event.type)
    if place is None or event.channel not in draft.plan.channels:
        return
    index = event.occurred_at // ENGAGEMENT_BUCKET_MS
    kept = {bucket[0]: bucket for bucket in draft.engagement.get(event.channel, ())}
    counts = list(kept.get(index, (index, 0, 0, 0, 0)))
    counts[place] += 1
    kept[index] = (index, counts[1], counts[2], counts[3], counts[4])
    newest = max(kept)
    buckets = [kept[one] for one in sorted(kept) if one > newest - ENGAGEMENT_BUCKETS]
    draft.engagement = {**draft.engagement, event.channel: buckets}


def _score(draft: Draft, channel: str) -> int:
    """3 clicks + opens - 5 bounces of the window; 0 where too little was delivered."""
    since = draft.now // ENGAGEMENT_BUCKET_MS - ENGAGEMENT_BUCKETS
    deliveries = score = 0
    for index, delivered, opened, clicked, bounced in draft.engagement.get(channel, ()):
        if index > since:
            deliveries += delivered
            score += _CLICK * clicked + opened - _BOUNCE * bounced
    return score if deliveries >= DELIVERIES_MIN else 0
