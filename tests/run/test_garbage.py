import gc

from journey_engine.run.garbage import THRESHOLDS, collected_rarely


def test_the_collector_is_put_back_as_it_was() -> None:
    before = gc.get_threshold()
    with collected_rarely():
        assert gc.get_threshold() == THRESHOLDS
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
