"""Rules W4 and I4: waits on the calendar whose date is past, unknown or changed."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decide.contracts import NEW_YORK, ZONES, Party, ms, plan_of, waiting

BEFORE = "{date: instance.ends_on, days: -30, time: '09:00', if_past: run}"


def past(if_past: str) -> Party:
    form = BEFORE.replace("run", if_past)
    return waiting(form, "2027-07-01T12:00Z")


def test_w4_past_and_run_goes_on_at_once() -> None:
    party = past("run")
    party.until("2027-07-01T12:00Z")
    assert (party.stages, party.moves) == (["done"], ["2027-07-01T12:00"])


def test_w4_past_and_skip_waits_for_another_date() -> None:
    party = past("skip")
    party.until("2028-01-01T12:00Z")
    assert (party.stages, party.dues) == (["waiting"], [])
    party.changes("2028-01-02T12:00Z", "2028-07-15")
    assert party.due() == "2028-06-15T09:00-04:00"
    party.until("2028-07-01T12:00Z")
    assert party.stages == ["done"]


def test_w4_past_and_exit_ends_the_instance() -> None:
    party = past("exit")
    party.until("2027-07-01T12:00Z")
    assert (party.stages, party.ends) == ([], [("EXIT", "past")])


def test_w4_exit_is_only_for_what_is_past_when_it_is_reckoned() -> None:
    party = waiting(BEFORE.replace("run", "exit"))
    party.until("2028-01-01T12:00Z")
    assert (party.stages, party.ends) == (["done"], [])


def test_w4_a_date_changed_to_one_past_ends_the_instance_where_it_is_to_exit() -> None:
    party = waiting(BEFORE.replace("run", "exit"))
    party.changes("2026-03-01T12:00Z", "2026-03-10")
    party.until("2026-03-01T12:00Z")
    assert (party.stages, party.ends) == ([], [("EXIT", "past")])


def test_w4_a_guard_that_does_not_hold_keeps_from_the_exit() -> None:
    party = Party(plan_of(BEFORE.replace("run", "exit"), "when: 'false', to: done"))
    party.starts("2027-07-01T12:00Z")
    party.until("2027-07-01T12:00Z")
    assert (party.stages, party.ends) == (["waiting"], [])


def test_w4_an_offset_that_is_past_goes_on_at_once_or_as_it_says() -> None:
    evening = "2026-01-15T20:00-05:00"
    party = waiting("{days: 0, time: '18:00'}", evening)
    party.until(evening)
    assert party.stages == ["done"]
    party = waiting("{days: 0, time: '18:00', if_past: skip}", evening)
    assert party.dues == []


def test_w4_a_wait_that_is_past_in_its_own_stage_turns_only_so_often() -> None:
    party = Party(plan_of(BEFORE, "to: waiting"))
    party.starts("2027-07-01T12:00Z")
    party.until("2027-07-01T12:00Z")
    assert party.ends == [("LOOP", None)]


@pytest.mark.parametrize("unknown", [None, "soon", ""])
def test_w4_without_a_date_it_waits_for_one(unknown: str | None) -> None:
    party = waiting(BEFORE, ends_on=unknown)
    party.until("2026-02-01T12:00Z")
    assert (party.stages, party.dues) == (["waiting"], [])
    assert len(party.errors) == (0 if unknown is None else 1)
    party.changes("2026-02-02T12:00Z", "2026-07-15")
    assert party.due() == "2026-06-15T09:00-04:00"
    party.changes("2026-02-03T12:00Z", None)
    assert party.dues == []


def test_i4_a_changed_date_moves_the_wait_and_the_same_date_does_not() -> None:
    party = waiting(BEFORE)
    party.changes("2026-02-02T12:00Z", "2026-12-31")
    assert party.due() == "2026-12-01T09:00-05:00"
    told = len(party.decisions[-1].trace)
    party.changes("2026-02-03T12:00Z", "2026-12-31")
    assert party.due() == "2026-12-01T09:00-05:00"
    assert [step.what for step in party.decisions[-1].trace] != ["wait"]
    assert len(party.decisions[-1].trace) == told - 1


def test_i4_what_a_transition_remembers_moves_the_waits_of_the_stage_in_which_it_stays() -> None:
    plan = plan_of(
        BEFORE, "to: done}\n      - {on: OrderPlaced, remember: {ends_on: event.order_id}"
    )
    party = Party(plan)
    party.starts("2026-01-15T12:00Z")
    party.happens("2026-01-16T12:00Z", "OrderPlaced", order_id="2026-12-31", total=1.0)
    assert party.due() == "2026-12-01T09:00-05:00"


def test_w4_another_zone_moves_the_wait() -> None:
    party = waiting(BEFORE)
    party.move("2026-02-02T12:00Z", "Asia/Kolkata")
    assert party.due("Asia/Kolkata") == "2027-06-15T09:00+05:30"
    party.move("2026-02-03T12:00Z", "nowhere")
    assert party.due("America/Sao_Paulo") == "2027-06-15T09:00-03:00"


def test_w4_another_zone_moves_the_next_such_time_and_never_into_the_past() -> None:
    party = waiting("{time: '20:00'}", "2026-01-15T12:00-05:00")
    party.move("2026-01-15T19:30-05:00", "Asia/Kolkata")
    assert party.due("Asia/Kolkata") == "2026-01-16T20:00+05:30"


def test_w4_an_offset_is_counted_from_when_the_wait_began_in_any_zone() -> None:
    party = waiting("{days: 3, time: '09:00'}", "2026-01-15T12:00-05:00")
    party.move("2026-01-17T12:00-05:00", "Asia/Kolkata")
    assert party.due("Asia/Kolkata") == "2026-01-18T09:00+05:30"


def test_w4_elapsed_waits_and_zones_that_are_named_do_not_move() -> None:
    party = waiting(BEFORE.replace("if_past", "tz: America/New_York, if_past"))
    before = party.dues
    party.move("2026-02-02T12:00Z", "Asia/Kolkata")
    assert (party.dues, party.decisions[-1].trace) == (before, [])
    party.happens("2026-02-03T12:00Z", "CartEmptied")
    before = party.dues
    party.move("2026-02-03T13:00Z", NEW_YORK)
    assert party.dues == before == [ms("2026-02-04T12:00Z")]


def test_w4_a_wait_reads_traits_and_features_as_they_become_known() -> None:
    party = waiting("{date: customer.birth_date, yearly: true, time: '09:00'}")
    assert party.dues == []
    party.happens("2026-02-02T12:00Z", "ProfileChanged", birth_date="1990-05-01")
    assert party.due() == "2026-05-01T09:00-04:00"
    party = waiting("{date: features.last_order.at, days: 60, if_past: run}")
    assert party.dues == []
    for day in ("02", "05"):
        party.happens(f"2026-02-{day}T12:00-05:00", "OrderPlaced", order_id=day, total=1.0)
    assert party.due() == "2026-04-06T12:00-04:00"


def test_w4_it_never_fires_twice_in_a_visit() -> None:
    party = Party(plan_of(BEFORE, "when: 'false', to: done"))
    party.starts("2026-01-15T12:00Z", "2026-03-31")
    party.until("2026-03-01T14:00Z")
    assert party.dues == []
    party.changes("2026-03-02T12:00Z", "2026-12-31")
    party.move("2026-03-03T12:00Z", "Asia/Kolkata")
    assert party.dues == []
    party.happens("2026-03-04T12:00Z", "ContractCancelled")
    assert party.due("Asia/Kolkata") == "2026-12-01T09:00+05:30"


def test_w1_reset_on_begins_it_anew_spent_or_not() -> None:
    reset = "reset_on: ProductViewed, when: \"stage('spare').visits > 0\", to: done"
    party = Party(plan_of("{workdays: 3, time: '10:00'}", reset))
    party.starts("2026-01-15T12:00Z")
    assert party.due() == "2026-01-20T10:00-05:00"
    party.happens("2026-01-19T12:00Z", "ProductViewed")
    assert party.due() == "2026-01-22T10:00-05:00"
    party.move("2026-01-20T12:00Z", "Asia/Kolkata")
    assert party.due("Asia/Kolkata") == "2026-01-22T10:00+05:30"
    party.until("2026-01-30T12:00Z")
    assert party.dues == []
    party.happens("2026-02-02T12:00Z", "ProductViewed")
    assert party.due("Asia/Kolkata") == "2026-02-05T10:00+05:30"


def test_t7_a_late_word_of_the_zone_moves_a_wait_but_not_before_its_stage() -> None:
    party = Party(plan_of("{time: '09:00'}", "to: waiting"))
    party.starts("2026-01-15T12:00Z")
    party.until("2026-01-15T14:00Z")
    party.move("2026-01-15T12:30Z", "America/Halifax")
    assert party.due("America/Halifax") == "2026-01-16T09:00-04:00"


def test_w4_two_waits_without_a_date_both_get_one() -> None:
    second = BEFORE.replace("-30", "-20")
    party = Party(plan_of(BEFORE, f"to: done}}\n      - {{at: {second}, to: spare"))
    party.starts("2026-01-15T12:00Z", None)
    assert party.dues == []
    party.changes("2026-01-16T12:00Z", "2026-12-31")
    assert party.dues == [ms("2026-12-01T09:00-05:00"), ms("2026-12-11T09:00-05:00")]


def test_w4_a_wait_that_was_moved_names_the_event_that_moved_it() -> None:
    party = waiting(BEFORE)
    party.changes("2026-02-02T12:00Z", "2026-12-31")
    party.move("2026-02-03T12:00Z", "Asia/Kolkata")
    party.until("2026-12-31T12:00Z")
    [move] = party.decisions[-1].transitions
    assert move.causation.event_id == "ProfileChanged-2026-02-03T12:00Z"


def test_w4_a_time_that_is_now_is_past() -> None:
    at_nine = "2027-06-15T09:00-04:00"
    assert waiting(BEFORE.replace("run", "skip"), at_nine).dues == []
    assert waiting(BEFORE.replace("run", "skip"), "2027-06-15T08:59-04:00").due() == at_nine


def test_w1_a_reset_counts_from_its_day_in_a_zone_told_later() -> None:
    party = Party(plan_of("{days: 1, time: '09:00'}", "reset_on: ProductViewed, to: done"))
    party.starts("2026-01-15T01:00-05:00")
    party.happens("2026-01-15T23:00-05:00", "ProductViewed")
    assert party.due() == "2026-01-16T09:00-05:00"
    party.move("2026-01-16T00:00-05:00", "Asia/Kolkata")
    assert party.due("Asia/Kolkata") == "2026-01-17T09:00+05:30"


days = st.integers(0, 60).map(lambda n: dt.date(2026, 2, 15) + dt.timedelta(days=n))
steps = st.lists(
    st.tuples(
        st.integers(1, 30 * 24 * 4),
        st.sampled_from(["America/New_York", "Europe/Lisbon", "Asia/Kolkata", "Pacific/Apia"])
        | days.map(dt.date.isoformat),
    ),
    max_size=8,
)
PLAN = plan_of(BEFORE.replace("days: -30", "days: -3"))
QUARTER = 900_000


@given(steps, days)
def test_law_the_wait_fires_once_when_the_last_date_and_zone_say(
    changes: list[tuple[int, str]], ends_on: dt.date
) -> None:
    now = ms("2026-01-15T12:00Z")
    party = Party(PLAN)
    party.starts("2026-01-15T12:00Z", ends_on.isoformat())
    date, zone = ends_on, NEW_YORK

    def target() -> int:
        day = date - dt.timedelta(days=3)
        nine = dt.datetime(day.year, day.month, day.day, 9, tzinfo=ZONES[zone])
        return max(now, round(nine.timestamp() * 1000))

    due, fired = target(), None
    for quarters, change in changes:
        after = now + quarters * QUARTER
        if due <= after:
            fired = due
            break
        now = after
        told = dt.datetime.fromtimestamp(now / 1000, dt.UTC).isoformat()
        if change in ZONES:
            zone = change
            party.move(told, change)
        else:
            date = dt.date.fromisoformat(change)
            party.changes(told, change)
        due = target()
    party.until("2027-01-01T00:00Z")
    moved = dt.datetime.fromtimestamp((fired or due) / 1000, dt.UTC).isoformat()[:16]
    assert party.moves == [moved]
