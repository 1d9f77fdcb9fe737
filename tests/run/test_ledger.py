from journey_engine.decode.decode import Skipped
from journey_engine.decode.record import Record
from journey_engine.encode.ledger import LedgerEntry, Run, Tick
from journey_engine.run.ledger import Notes, Prescription
from journey_engine.run.merge import Item


def item(topic: str, offset: int) -> Item:
    return Item(0, topic, offset, Skipped("X"), Record(topic, 0, offset, 0, None, None))


def test_runs_end_where_topic_or_time_change_and_where_timers_fire() -> None:
    notes = Notes()
    assert not notes
    for topic, offset, now in [("web", 4, 1), ("web", 7, 1), ("web", 8, 2), ("app", 0, 2)]:
        notes.took(item(topic, offset), now)
    for now in (2, 2, 3):
        notes.fired(now)
    notes.took(item("app", 1), 3)

    assert notes
    assert notes.take() == [
        Run("web", 4, 7, 1),
        Run("web", 8, 8, 2),
        Run("app", 0, 0, 2),
        Tick(2, 2),
        Tick(1, 3),
        Run("app", 1, 1, 3),
    ]
    assert not notes
    assert notes.take() == []


def test_a_prescription_is_followed_step_by_step() -> None:
    prescription = Prescription(LedgerEntry("h", 1, [Run("web", 4, 7), Tick(2, 9)]))

    assert prescription.step() == Run("web", 4, 7)
    prescription.took(4)
    assert prescription.step() == Run("web", 4, 7)
    prescription.took(7)
    assert prescription.step() == Tick(2, 9)
    prescription.fired()
    assert prescription.step() == Tick(2, 9)
    prescription.fired()
    assert prescription.step() is None
