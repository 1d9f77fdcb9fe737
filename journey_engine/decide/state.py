"""What the engine remembers of a customer: small, bounded, versioned.

Values here are never changed in place: a decision replaces what it changes, so that the state
given to it stays as it was. Encoded as MessagePack arrays by `journey_engine.encode.state`; a
field is only ever added at the end, with a default. Times are milliseconds since the epoch.
`gc=False`, here and on events and decisions: none of them can be part of a cycle.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from journey_engine.decide.event import Origin

if TYPE_CHECKING:
    from journey_engine.define.plan import Value
else:
    Value = Any
    """msgspec reads no recursive union; what it reads back is plain all the same."""

SEEN_MAX = 128
"""Inputs remembered for dedupe (rule T6)."""
SEEN_FOR_MS = 24 * 3_600_000
INSTANCE_TIMERS_MAX = 32
CONTEXT_FIELDS_MAX = 32
CONTEXT_BYTES_MAX = 1024
SENT_MAX = 32
"""Commands remembered on an instance."""
PENDING_MAX = 64
"""Candidates of a customer that wait."""
OPEN_MAX = 32
"""Held commands remembered after their instance completed."""
CONSENT_MAX = 64
"""Cells of consent for purposes and channels that the plan does not know."""
VALUE_BYTES_MAX = 1024
"""The longest value remembered in a trait, a feature or a key, about."""
KEYS_MAX = 128
"""Ended keys remembered for a journey's re-entry rules."""
ENTRIES_MAX = 64
"""Entry times remembered for a journey's re-entry limit."""
MACRO_HISTORY_MAX = 16
FEATURE_EXACT_MAX = 64
FEATURE_BUCKETS = 32
MICROSTEPS_MAX = 32
STATE_BYTES_MAX = 64 * 1024
"""Over it the order of law 6 applies."""
ABANDON = -1
"""The `index` of the timer of rule I7; others are the index of their transition."""


class Written(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value and who wrote it last (rule K1: by `at`, tie by event id)."""

    value: Value
    at: int
    event_id: str


class FeatureState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A feature's memory (rule K2): `entries` sorted by time, or, once over
    `FEATURE_EXACT_MAX` in a window, `buckets` of equal width.

    An entry is `(at, value)` or `(at, [values of the fields])`; a bucket `(index, count, sum,
    min, max)` where index = at // width. Without a window only `(0, count, sum, min, max)`.
    """

    since: int
    entries: list[tuple[int, Value]] = []
    buckets: list[tuple[int, int, float | int, Value, Value]] = []


class Timer(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A wait of an instance: `index` of the transition in its stage, or `ABANDON`."""

    due: int
    index: int


class Sent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A command that an instance issued (rules I2, A7, W1)."""

    command_id: str
    channel: str
    purpose: str
    at: int
    not_before: int
    cancel_on: str
    stage: str
    visit: int
    content: str = ""
    send_id: str = ""


class Instance(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One live run of a journey for (customer, journey, key) (rule I1)."""

    journey: str
    version: int
    key: str | None
    entry_no: int
    entered_at: int
    stage: str
    stage_entered_at: int
    reached_at: int
    """When an input last reached it (rule I7)."""
    cause: Origin
    """The event that set its timers."""
    context: dict[str, Value] = {}
    visits: dict[str, int] = {}
    runs: dict[str, int] = {}
    """How often an action ran in this visit (tells repeated `do` apart in command ids)."""
    timers: list[Timer] = []
    sent: list[Sent] = []
    """The last commands, oldest first: an earlier one of a send may still be held, or clicked."""


class Pending(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A candidate that waits for `due` (rule C2). It outlives an instance that completed, so it
    carries what its action reads.
    """

    due: int
    journey: str
    version: int
    key: str | None
    entry_no: int
    stage: str
    visit: int
    run: int
    action: str
    asked_at: int
    """`now` when the candidate arose: `expires` counts from it."""
    cause: Origin
    context: dict[str, Value] = {}
    entered_at: int = 0
    stage_entered_at: int = 0


class OpenSend(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A held command of an instance that completed: consent may still be withdrawn (rule K1)."""

    journey: str
    version: int
    key: str | None
    entry_no: int
    cause: Origin
    sent: Sent


class KeyMemory(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What re-entry rules need of one key, or of the customer (rule I3)."""

    entries: list[int] = []
    ended_at: int | None = None


class JourneyMemory(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a customer's journey leaves behind beyond its instances.

    `entry_no` counts entries for life, over all keys: it makes command ids unique (rule A6).
    `latest` is the latest `occurred_at` that this journey read from the customer (rule T7).
    `keys` maps a key ("" where the journey has none or counts per customer) to its memory.
    """

    latest: int = -1
    entry_no: int = 0
    keys: dict[str, KeyMemory] = {}


class MacroStage(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where the customer stands in the company's lifecycle (rule K4)."""

    stage: str
    at: int
    priority: int


class CustomerState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """All that is remembered of a customer. Empty for one never seen.

    `seen` holds 16 bytes for each input remembered, oldest first: 8 of the id's hash, 4 of the
    body's digest, 4 of the second it was read (rule T6).
    `consent` is keyed `purpose/channel` (channel `*` for any), `reach` by channel.
    """

    life: int = 0
    seen: bytes = b""
    traits: dict[str, Written] = {}
    consent: dict[str, Written] = {}
    reach: dict[str, Written] = {}
    features: dict[str, FeatureState] = {}
    macro: MacroStage | None = None
    macro_history: list[MacroStage] = []
    instances: list[Instance] = []
    journeys: dict[str, JourneyMemory] = {}
    pending: list[Pending] = []
    open: list[OpenSend] = []


EMPTY = CustomerState()


def next_due(state: CustomerState) -> int | None:
    """When the customer's next timer or waiting candidate is due; None without any."""
    return earliest(state.instances, state.pending)


def earliest(instances: list[Instance], pending: list[Pending]) -> int | None:
    """When the first of their timers and waits is due; None without any."""
    due = None
    for instance in instances:
        for timer in instance.timers:
            if due is None or timer.due < due:
                due = timer.due
    for place in pending:
        if due is None or place.due < due:
            due = place.due
    return due
