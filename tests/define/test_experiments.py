"""Rules J1 to J3 as written: junctions, the lock, and who gets which buckets."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_engine.define.allocation import allocate, allocated
from journey_engine.define.experiments import agrees
from journey_engine.define.form import parse_share
from journey_engine.define.junction_plan import BUCKETS, Choice, Split, Unit
from journey_engine.errors import DefinitionErrors
from tests.define.definitions import (
    CART,
    CUSTOMER,
    FILES,
    POLICIES,
    bent,
    compiled,
    errors_of,
    marked,
)
from tests.define.error_cases import ENGAGED, split

LOCK = "topologies/experiments.lock.yaml"
SECOND = "topologies/journeys/second.yaml"
CHOICE = "    choose: [{when: instance.total > 90.0, to: nudged}, {to: end, outcome: small}]"


def with_split(one: str = "20%", other: str = "80%", lock: str | None = None) -> dict[str, str]:
    """The files with a split; with the lock that they need, where none is given."""
    files = bent(CART, ENGAGED, split(one, other))
    return {**files, LOCK: allocated(files).text if lock is None else lock}


def locked(**arms: str) -> str:
    lines = [f'    {arm}: "{buckets}"\n' for arm, buckets in arms.items()]
    return "experiments:\n  e:\n" + "".join(lines)


def test_j1_a_choice_is_compiled_with_its_branches_in_order() -> None:
    stage = compiled(bent(CART, ENGAGED, CHOICE)).by_name["cart"].stages["engaged"]

    assert isinstance(stage.junction, Choice)
    assert [(b.text, b.to, b.outcome) for b in stage.junction.branches] == [
        ("when instance.total > 90.0", "nudged", None),
        ("else", "end", "small"),
    ]


def test_j2_a_split_is_compiled_with_the_buckets_of_the_lock() -> None:
    lock = locked(one="0-1000, 9001-9999", other="1001-9000")
    stage = compiled(with_split(lock=lock)).by_name["cart"].stages["engaged"]

    assert isinstance(stage.junction, Split)
    assert stage.junction.unit is Unit.CUSTOMER
    owners = [stage.junction.owner(bucket) for bucket in (0, 1000, 1001, 9000, 9001, 9999)]
    assert owners == ["one", "one", "other", "other", "one", "one"]


def test_j2_an_event_may_be_read_behind_a_junction_that_only_events_lead_into() -> None:
    choose = CHOICE.replace("instance.total > 90.0", "event.send == 'reminder'")
    assert errors_of(bent(CART, ENGAGED, choose)) == []

    by_timer = bent(CART, "{after: 2d, to: end}", "{after: 2d, to: engaged}")
    assert [e.code for e in errors_of(bent(CART, ENGAGED, choose, by_timer))] == ["UNKNOWN_FIELD"]


def test_an_event_may_be_read_behind_many_junctions_after_each_other() -> None:
    head = "\n  {}:\n    macro_stage: retention\n"
    answer = "    choose: [{{when: reachable('push'), to: {}}}, {{to: {}}}]"
    asks = [
        part
        for n in range(40)
        for part in (
            head.format(f"q{n}"),
            answer.format(f"a{n}", f"q{n + 1}"),
            head.format(f"a{n}"),
            answer.format("nudged", f"q{n + 1}"),
        )
    ]
    last = (
        head.format("q40") + "    choose: [{when: event.send == 'reminder', to: end}, {to: nudged}]"
    )

    assert errors_of(bent(CART, ENGAGED, answer.format("q0", "a0") + "".join(asks) + last)) == []


def test_b11_every_target_must_be_a_stage() -> None:
    files, place = marked(CART, bent(CART, ENGAGED, CHOICE.replace("to: nudged", "to: «nudge")))

    assert [(e.code, (e.file, e.line, e.column)) for e in errors_of(files)] == [
        ("UNKNOWN_STAGE", place)
    ]


def test_v4_stages_behind_junctions_are_reached_and_junctions_lead_out() -> None:
    late = "\n  late:\n    macro_stage: purchase\n    transitions: [{after: 1d, to: end}]"

    assert errors_of(bent(CART, ENGAGED, CHOICE.replace("to: nudged", "to: late") + late)) == []


@pytest.mark.parametrize(
    ("junction", "codes"),
    [
        (CHOICE.replace("to: end, outcome: small", "to: back"), ["ALWAYS_LOOP"]),
        (CHOICE.replace("to: nudged", "to: back"), []),
        (split("20%", "80%").replace("to: end", "to: back"), ["ALWAYS_LOOP"]),
    ],
    ids=["no branch rests", "a branch rests", "an arm never rests"],
)
def test_v4_a_circle_through_a_junction_is_reported(junction: str, codes: list[str]) -> None:
    back = "\n  back:\n    macro_stage: purchase\n    transitions: [{always: true, to: engaged}]"
    files = bent(CART, ENGAGED, junction.replace("to: nudged", "to: back") + back)
    if "back}, {to: end" in junction:
        files = bent(CART, ENGAGED, junction + back)
    files[LOCK] = allocated(files).text

    assert [e.code for e in errors_of(files)] == codes


def test_j2_experiments_by_account_need_accounts() -> None:
    files = bent(CART, ENGAGED, split("20%", "80%").replace("customer", "account"))
    assert [e.code for e in errors_of(files)] == ["SUBJECT_CONFLICT"]

    known = bent(CUSTOMER, "traits:", "account: {from: [AccountLinked.account_id]}\ntraits:", files)
    stage = compiled({**known, LOCK: allocated(known).text}).by_name["cart"].stages["engaged"]
    assert isinstance(stage.junction, Split)
    assert stage.junction.unit is Unit.ACCOUNT


@pytest.mark.parametrize(
    "lock",
    [
        locked(one="0-2000", other="2001-9999"),
        locked(one="0-1999", third="2000-9999"),
        locked(one="0-1999", other="2000-9998", third="9999"),
        "experiments: {}\n",
    ],
)
def test_j3_a_lock_that_disagrees_is_an_error_that_says_what_to_run(lock: str) -> None:
    (error,) = errors_of(with_split(lock=lock))

    assert error.code == "EXPERIMENT_LOCK"
    assert "experiments allocate" in error.hint


@pytest.mark.parametrize(
    "lock",
    [
        locked(one="0-2000", other="2000-9999").replace('"2000', '«"2000'),
        locked(one="x", other="0-9999").replace('"x', '«"x'),
        locked(one="7-3", other="0-9999").replace('"7', '«"7'),
        locked(one="0-10000").replace('"0', '«"0'),
        locked(one="0-4", other="6-9999").replace("e:", "«e:").replace("«experim", "experim"),
    ],
    ids=["two arms", "no number", "backwards", "beyond", "nobody's"],
)
def test_j3_a_lock_that_is_no_division_of_the_buckets_is_an_error(lock: str) -> None:
    files, place = marked(LOCK, with_split(lock=lock))

    assert [(e.code, (e.file, e.line, e.column)) for e in errors_of(files)] == [
        ("BAD_BUCKETS", place)
    ]


def test_g3_an_experiment_is_the_same_wherever_it_stands() -> None:
    files = with_split()
    second = files[CART].replace("journey: cart", "journey: second")
    assert errors_of({**files, SECOND: second}) == []

    other = second.replace("one: {share: 20%", "one: {share: 30%").replace("80%", "70%")
    assert [(e.code, e.file) for e in errors_of({**files, SECOND: other})] == [
        ("EXPERIMENT_DIFFERS", SECOND)
    ]
    with pytest.raises(DefinitionErrors, match="EXPERIMENT_DIFFERS"):
        allocated({**files, SECOND: other})


def test_j3_the_lock_belongs_to_the_plan() -> None:
    one = compiled(with_split(lock=locked(one="0-1999", other="2000-9999"))).hash
    moved = compiled(with_split(lock=locked(other="0-7999", one="8000-9999"))).hash

    assert one != moved


def test_j3_what_allocate_writes_is_what_the_compiler_wants_and_stays_so() -> None:
    first = with_split("12.5%", "87.5%")
    assert errors_of(first) == []
    assert locked(one="0-1249", other="1250-9999") in first[LOCK]

    again = allocated(first)
    assert again.text == first[LOCK]
    assert [change.moved for change in again.changes] == [{}]


def test_g2_other_shares_move_only_what_they_need() -> None:
    grown = allocated(with_split("30%", "70%", lock=locked(one="0-1999", other="2000-9999")))

    assert grown.text.endswith(locked(one="0-1999, 9000-9999", other="2000-8999"))
    assert [change.moved for change in grown.changes] == [{("other", "one"): 1000}]


def test_j3_an_experiment_that_no_journey_has_keeps_its_buckets() -> None:
    kept = allocated({**FILES, LOCK: locked(one="0-1999", other="2000-9999")})

    assert kept.text.endswith(locked(one="0-1999", other="2000-9999"))
    assert [change.used for change in kept.changes] == [False]


def test_j3_names_that_yaml_reads_as_something_else_are_quoted() -> None:
    files = bent(CART, ENGAGED, split("20%", "80%").replace("one:", '"null":'))

    assert errors_of({**files, LOCK: allocated(files).text}) == []


KEPT = "topologies/journeys/cart@2.yaml"


def beside(kept: str, lock: str | None = None) -> dict[str, str]:
    """Version 3 with 30% and 70%, beside version 2 with this split."""
    files = with_split("30%", "70%")
    files[KEPT] = bent(CART, ENGAGED, kept)[CART].replace("version: 3", "version: 2")
    return {**files, LOCK: allocated(files).text if lock is None else lock}


def test_j3_a_kept_version_has_the_shares_of_now() -> None:
    files = beside(split("20%", "80%"))
    assert allocated(files).text.endswith(locked(one="0-2999", other="3000-9999"))

    junction = compiled(files).kept["cart", 2].stages["engaged"].junction
    assert isinstance(junction, Split)
    assert {arm: junction.arms[arm].share for arm in junction.arms} == {"one": 3000, "other": 7000}
    assert [junction.owner(bucket) for bucket in (2999, 3000)] == ["one", "other"]


def test_j3_an_arm_of_a_kept_version_that_is_gone_draws_nobody_anew() -> None:
    third = split("20%", "70%").replace("arms: {", "arms: {third: {share: 10%, to: end}, ")
    junction = compiled(beside(third)).kept["cart", 2].stages["engaged"].junction

    assert isinstance(junction, Split)
    assert junction.arms["third"].share == 0
    assert set(junction.owners) == {"one", "other"}


def test_j3_a_kept_version_must_have_every_arm_that_is_drawn() -> None:
    (error,) = errors_of(beside(split("20%", "80%").replace("other:", "former:")))
    assert (error.code, error.file) == ("EXPERIMENT_LOCK", KEPT)
    assert "other" in error.message


def test_j3_a_kept_version_draws_the_same_unit() -> None:
    files = beside(split("30%", "70%"))
    files[KEPT] = files[KEPT].replace("unit: customer", "unit: instance")

    assert [(e.code, e.file) for e in errors_of(files)] == [("EXPERIMENT_DIFFERS", KEPT)]


def test_an_experiment_draws_others_than_a_holdout_but_in_what_is_kept_as_it_was() -> None:
    files = beside(split("30%", "70%"))
    files[POLICIES] += "holdouts: [{id: e, share: 5%, purposes: [marketing]}]\n"

    assert [(e.code, e.file) for e in errors_of(files)] == [("EXPERIMENT_HOLDOUT", CART)]
    assert errors_of(bent(POLICIES, "id: e,", "id: other,", files)) == []


def test_j3_what_only_kept_versions_split_is_allocated_by_the_latest() -> None:
    files = bent(CART, ENGAGED, split("20%", "80%"))
    first, second = (files[CART].replace("version: 3", f"version: {n}") for n in (1, 2))
    second = second.replace("20%", "40%").replace("80%", "60%")
    kept = {KEPT.replace("@2", "@1"): first, KEPT: second}
    lock = allocated({**FILES, **kept})

    assert lock.text.endswith(locked(one="0-3999", other="4000-9999"))
    assert errors_of({**FILES, **kept, LOCK: lock.text}) == []


ARMS = ("a", "b", "c", "d")


@st.composite
def shares(draw: st.DrawFn) -> Mapping[str, int]:
    arms = draw(st.lists(st.sampled_from(ARMS), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=len(arms) - 1, max_size=3)))
    edges = [0, *cuts[: len(arms) - 1], BUCKETS]
    return {arm: edges[at + 1] - edges[at] for at, arm in enumerate(arms)}


@given(st.lists(shares(), min_size=1, max_size=5))
def test_g2_each_change_sums_up_moves_the_fewest_and_says_so(
    versions: list[dict[str, int]],
) -> None:
    owners = [""] * BUCKETS
    for wanted in versions:
        before, counts = owners, Counter(owners)
        owners = list(allocate(before, wanted))

        assert agrees(wanted, owners)
        moved = sum(one != other for one, other in zip(before, owners, strict=True))
        assert moved == sum(max(0, count - wanted.get(arm, 0)) for arm, count in counts.items())
        assert allocate(owners, wanted) == owners


@pytest.mark.parametrize(
    ("text", "share"),
    [("0%", 0), ("20%", 2000), ("12.5%", 1250), ("0.01%", 1), ("100.00%", 10_000)],
)
def test_f2_shares(text: str, share: int) -> None:
    assert parse_share(text) == share
