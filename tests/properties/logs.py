"""Random logs: few customers, few types, times on a coarse grid.

So ties, late events, repeats, conflicts and timers of the same instant happen in almost every log.
"""

from typing import Any

from hypothesis import strategies as st

from tests.properties.memory import MINUTE, Happened
from tests.properties.shop import (
    CHANNELS,
    KEYS,
    LABELS,
    MORE_TYPES,
    PURPOSES,
    SHOP_TYPES,
    START,
    TYPES,
)

_STEP = st.sampled_from((0, 0, 0, 10, 10, 20, 30, 60, 180, 25 * 60))
_BEHIND = st.sampled_from((0, 0, 0, 0, 10, 20, 30, 60, 90, 240))


@st.composite
def logs(
    draw: st.DrawFn, most: int = 30, more: tuple[str, ...] = (), least: int = 1
) -> list[Happened]:
    """Events in the order of their records; offsets are the places in the list. `more` are types
    of `MORE_TYPES` that happen, too.
    """
    types = st.sampled_from((*SHOP_TYPES, *SHOP_TYPES, *TYPES, *more))
    log: list[Happened] = []
    clock = START
    for offset in range(draw(st.integers(least, most))):
        clock += draw(_STEP) * MINUTE
        if log and draw(st.integers(0, 9)) == 0:
            log.append(_again(draw, draw(st.sampled_from(log)), offset, clock))
        else:
            log.append(_event(draw, draw(types), offset, clock))
    return log


def _event(draw: st.DrawFn, type_: str, offset: int, clock: int) -> Happened:
    customer = draw(st.sampled_from(("c1", "c1", "c2", None)))
    channel = draw(st.sampled_from(("app", "web")))
    return Happened(
        type=type_,
        event_id=f"e{offset}",
        customer_id=customer,
        anonymous_id=draw(st.sampled_from((None, "a1"))) if customer else "a1",
        at=clock - draw(_BEHIND) * MINUTE,
        fields={name: draw(_value(name)) for name in (TYPES | MORE_TYPES)[type_]},
        source=channel,
        channel=channel,
        backfill=draw(st.integers(0, 11)) == 0,
        topic=f"interactions.{channel}.v1",
        offset=offset,
        recorded_at=clock,
    )


def _again(draw: st.DrawFn, event: Happened, offset: int, clock: int) -> Happened:
    """A repeat, or the same id with another body."""
    fields = dict(event.fields)
    if "label" in fields and draw(st.booleans()):
        fields["label"] = "other"
    values = vars(event) | {"fields": fields, "offset": offset, "recorded_at": clock}
    return Happened(**values)


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "k": st.sampled_from((*KEYS, *KEYS, None)),
    "n": st.sampled_from((None, 1, 2)),
    "amount": st.sampled_from((0.5, 1.0, 2.0)),
    "label": st.sampled_from((*LABELS, "k1")),
    "tier": st.sampled_from(LABELS),
    "purpose": st.sampled_from(PURPOSES),
    "about": st.sampled_from((*CHANNELS, None)),
    "command_id": st.integers(0, 4).map(str),
    "due": st.sampled_from(("2026-02-25", "2026-02-26T12:00:00Z", "2026-02-28", "never", None)),
    "zone": st.sampled_from(("Asia/Tokyo", "America/Sao_Paulo", "nowhere", None)),
}


def _value(name: str) -> st.SearchStrategy[Any]:
    return _VALUES.get(name, st.booleans())
