"""What the engine remembers of a customer: small, bounded, versioned.

Values here are never changed in place: a decision replaces what it changes, so that the state
given to it stays as it was. Encoded as MessagePack arrays by `journey_engine.encode.state`; a
field is only ever added at the end, with a default. Times are milliseconds since the epoch.
`gc=False`, here and on events and decisions: none of them can be part of a cycle.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import msgspec

from journey_engine.decide.account_state import Account, Asker, Membership
from journey_engine.decide.event import Origin
from journey_engine.decide.feature_state import FeatureState
from journey_engine.decide.governing_state import PartitionState
from journey_engine.decide.identity_state import Identity
from journey_engine.decide.packed import NOTHING
from journey_engine.decide.room_state import ChannelState
from journey_engine.errors import DeferredCause

if TYPE_CHECKING:
    from journey_engine.define.expression import Value
else:
    Value = Any
    """msgspec reads no recursive union; what it reads back is plain all the same."""

SEEN_MAX: Final = 128
"""Inputs remembered for dedupe (rule T6)."""
SEEN_FOR_MS: Final = 24 * 3_600_000
INSTANCE_TIMERS_MAX: Final = 32
CONTEXT_FIELDS_MAX: Final = 32
CONTEXT_BYTES_MAX: Final = 1024
SENT_MAX: Final = 32
"""Commands remembered on an instance."""
SENT_PAST: Final = 3
SENT_FOR_MS: Final = 3 * 24 * 3_600_000
"""Of those that nothing comes of any more, the last ones that are remembered at any age, and how
long the others are."""
PENDING_MAX: Final = 64
"""Candidates of a customer that wait."""
PENDING_EVENT_BYTES_MAX: Final = 8 * 1024
"""What all candidates that wait remember of their events, about."""
OPEN_MAX: Final = 32
"""Held commands remembered after their instance completed."""
CONSENT_MAX: Final = 64
"""Cells of consent for purposes and channels that the plan does not know."""
VALUE_BYTES_MAX: Final = 1024
"""The longest value remembered in a trait, a feature or a key, about."""
ONCE_MAX: Final = 512
"""Keys that entered a journey of mode `once`, 8 bytes each; then nobody new enters it."""
KEYS_MAX: Final = 128
"""Ended keys remembered for a journey's re-entry rules."""
ENTRIES_MAX: Final = 64
"""Entry times remembered for a journey's re-entry limit."""
MACRO_HISTORY_MAX: Final = 16
CONTACTS_MAX: Final = 512
"""Messages remembered for caps and themes."""
MICROSTEPS_MAX: Final = 32
PATTERN_EVENTS_MAX: Final = 32
"""Events that a pattern remembers for one key, or one instance (rule P1)."""
PATTERN_WAITS_MAX: Final = 8
"""Waits of a `not_followed_by` that are open for one key, or one instance."""
PATTERN_KEYS_MAX: Final = 32
"""Keys for which an entry's pattern remembers events."""
ASSIGNED_MAX: Final = 64
"""Experiments whose arm is remembered, of a customer and of an instance."""
PAUSE_LOOK_MS: Final = 7 * 24 * 3_600_000
"""How often a candidate is asked anew whose journey is paused."""
CAPACITY_WAIT_MAX_MS: Final = 7 * 24 * 3_600_000
"""How long a candidate without `expires` waits for a channel's room."""
STATE_BYTES_MAX: Final = 64 * 1024
"""Over it the order of law 6 applies."""
ABANDON: Final = -1
"""The `index` of the timer of rule I7; others are the index of their transition."""
DEADLINE: Final = -2
"""The `index` of a timer at which a TASK must be acknowledged or done (rule A4)."""
ENGAGEMENT_BUCKET_MS: Final = 3 * 24 * 3_600_000
ENGAGEMENT_BUCKETS: Final = 30
"""Of each channel: 90 days of answers to messages (rule C7)."""


class Written(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A value and who wrote it last (rule K1: by `at`, tie by event id)."""

    value: Value
    at: int
    event_id: str


class Timer(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A wait of an instance: `index` of the transition in its stage, or `ABANDON`."""

    due: int
    index: int
    start: int = 0
    """Of a wait on the calendar: when it began, or, if its date was past, `due`."""


class Standing(IntEnum):
    """How far a command came, by what was answered."""

    OPEN = 0
    TAKEN = 1
    """Delivered, or accepted by a person."""
    CLOSED = 2
    """Applied, seen, dismissed, done, declined, expired, failed or bounced for good."""


class Sent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A command that an instance issued (rules I2, A7, W1); of `kind`, a word of `ActionKind`.

    `subject` is what a ROUTE answers, and the slot of a SHOW; `tried` are the channels of former
    attempts (rule C7); `asked_at` is as in `Pending`.
    """

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
    kind: str = "SEND"
    run: int = 1
    attempt: int = 0
    asked_at: int = 0
    not_after: int | None = None
    ack_by: int | None = None
    subject: str = ""
    tried: list[str] = []
    standing: int = Standing.OPEN.value
    customer: str = ""
    """The member who was asked for it, where the instance is an account's (rule M3)."""


_sent_decoder: Final = msgspec.msgpack.Decoder(list[Sent])


def unpack_sent(packed: msgspec.Raw) -> list[Sent]:
    """The commands of `Instance.packed_sent`."""
    return _sent_decoder.decode(packed)


class Awaited(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A wait of a `not_followed_by`: `due`, the event that began it, what it remembered."""

    due: int
    cause: Origin
    values: dict[str, Value] = {}


class PatternState(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a pattern has seen and not used up (rule P1), in the order of arrival.

    `taken` holds (occurred_at, bits): bit n says that the event fits the element n.
    """

    taken: list[tuple[int, int]] = []
    awaited: list[Awaited] = []


class Exposure(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The arm of an experiment that was drawn first (rule J3)."""

    experiment: str
    arm: str
    propensity: float
    """Share of the arm when it was drawn, 0 to 1."""
    at: int
    contaminated: bool = False
    """Another arm was drawn, too: under another identity, or because this one was taken away."""


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
    packed_sent: msgspec.Raw = NOTHING
    """The last commands, oldest first: an earlier one of a send may still be held, or clicked. They
    are half of a usual state.
    """
    exposed: list[Exposure] = []
    """The experiments that it went through, the latest last."""
    milestones: list[str] = []
    """Those reached, in order (rule I5)."""
    idle: list[int] = []
    """The waits on the calendar of this visit that have no time now (rule W4), by index."""
    patterns: dict[str, PatternState] = {}
    """By the id of the transition's pattern."""

    @property
    def sent(self) -> list[Sent]:
        """`packed_sent`, read anew each time."""
        return unpack_sent(self.packed_sent)


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
    attempt: int = 0
    tried: list[str] = []
    """The channels of former attempts (rule C7)."""
    exposure: Exposure | None = None
    """The experiment that its instance went through last."""
    milestones: list[str] = []
    waits: str = DeferredCause.DELAY.value
    """For what."""
    event: dict[str, Value] = {}
    """What its action reads of the event that asked for it."""
    request: str = ""
    """The request for the room of the channel `room` that is under way (rule C6)."""
    room: str = ""
    """Empty with a request: it was refused."""
    command: str = ""
    """The id of its command where it arose under another identity (rule M2)."""
    asker: Asker | None = None
    """Where an account's journey asked for it (rule M3)."""
    slot: int = 0
    """Where it came to its slot and waits for the end of quiet hours: the time of the slot (C5)."""


class OpenSend(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A command of an instance that completed: it is held or open, or may yet fall back. It carries
    what its action reads.
    """

    journey: str
    version: int
    key: str | None
    entry_no: int
    cause: Origin
    sent: Sent
    context: dict[str, Value] = {}
    entered_at: int = 0
    stage_entered_at: int = 0
    exposure: Exposure | None = None
    milestones: list[str] = []
    asker: Asker | None = None


class KeyMemory(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What re-entry rules need of one key, or of the customer (rule I3)."""

    entries: list[int] = []
    ended_at: int | None = None


class JourneyMemory(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a customer's journey leaves behind beyond its instances.

    `entry_no` counts entries for life, over all keys: it makes command ids unique (rule A6).
    `latest` is the latest `occurred_at` that this journey read from the customer (rule T7).
    `keys` maps a key ("" where the journey has none or counts per customer) to its memory.
    `once` holds 8 bytes of the hash of each key that entered in mode `once`: they are never
    forgotten (rule I3).
    `patterns` maps the id of an entry's pattern to its state by key ("" where there is none), the
    one written last at the end.
    """

    latest: int = -1
    entry_no: int = 0
    keys: dict[str, KeyMemory] = {}
    once: bytes = b""
    patterns: dict[str, dict[str, PatternState]] = {}


class MacroStage(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Where the customer stands in the company's lifecycle (rule K4)."""

    stage: str
    at: int
    priority: int


class Contact(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What policies need to know of the messages that a customer got (rules C3, C5).

    `sent` holds 14 bytes for each, oldest first: 6 of the time it was written, 6 of the command's
    id, 2 of its kind, which is a place in `kinds`: channel, purpose, theme. `lost` is when the
    latest was written that went over the bound, -1 for none: a cap that looks back so far counts
    as reached. `slots` tells of a purpose when its candidates were last decided together, and how
    many won.
    """

    kinds: list[tuple[str, str, str | None]] = []
    sent: bytes = b""
    lost: int = -1
    slots: dict[str, tuple[int, int]] = {}


NO_CONTACT: Final = Contact()


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
    engagement: dict[str, list[tuple[int, int, int, int, int]]] = {}
    """Of each channel, oldest first: (at // `ENGAGEMENT_BUCKET_MS`, deliveries, opens, clicks,
    bounces) (rule C7)."""
    assigned: list[Exposure] = []
    """The arms of experiments by customer, oldest first (rule J3)."""
    contact: Contact = NO_CONTACT
    identity: Identity | None = None
    """None where nothing is known but the customer's own id."""
    membership: Membership | None = None
    """Of a customer who belongs, or belonged, to an account."""
    account: Account | None = None
    """Of an account's own state."""
    latest: dict[str, int] = {}
    """By event type the latest `occurred_at` that was read by journeys which have no memory yet
    (rule T7): most of them the customer never enters, however many there are.
    """
    started: bytes = b""
    """When windowed features started of which nothing is kept yet, packed by `decide.started`."""


EMPTY: Final = CustomerState()


State = CustomerState | ChannelState | PartitionState
