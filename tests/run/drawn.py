"""Logs of the shop as Hypothesis draws them; apart, since workers under test need none of it."""

from hypothesis import strategies as st

from journey_engine.decode.log import LogLine, Place, read_line
from tests.run.shop import (
    CHANNEL_TOPICS,
    DAY,
    EXTRA,
    HOUR,
    MINUTE,
    READ,
    SCHEMAS,
    START,
    line,
)


@st.composite
def logs(draw: st.DrawFn, size: int = 24) -> list[LogLine]:
    """Events of few customers over some days: late ones, repeats, unread and broken ones."""
    lines: list[LogLine] = []
    now = 0
    for number in range(draw(st.integers(0, size))):
        now += draw(st.sampled_from([0, 1, 700, MINUTE, HOUR, 4 * HOUR, DAY]))
        late = draw(st.sampled_from([0, 0, 0, 5 * MINUTE, 3 * HOUR]))
        channel = draw(st.sampled_from(list(CHANNEL_TOPICS)))
        what = draw(st.sampled_from([*READ, *READ, "PageViewed", "broken", "repeat"]))
        if what == "repeat" and lines:
            lines.append(draw(st.sampled_from(lines)))
        elif what in EXTRA:
            customer = draw(st.sampled_from(["c1", "c2", "c3"]))
            at = now - late
            event_id = str(draw(st.integers(number, number + 1)))  # sometimes a conflict
            lines.append(
                line(what, customer, at, event_id=event_id, channel=channel, recorded_at=now)
            )
        else:
            raw = {"raw": "wwE=", "key": "c1", "channel": channel, "recorded_at": START + now}
            lines.append(read_line(raw, SCHEMAS, Place("test", 1)))
    return lines
