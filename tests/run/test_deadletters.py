"""How much is sent again at once."""

from journey_engine.decode.record import Record
from journey_engine.run.deadletters import BATCH, BATCH_BYTES, Letter, batches


def letters(*sizes: int) -> list[Letter]:
    return [
        Letter(0, offset, Record("t", 0, offset, 0, b"c", bytes(size), ()), {})
        for offset, size in enumerate(sizes)
    ]


def test_a_transaction_takes_so_many_and_so_much_and_one_always() -> None:
    assert list(map(len, batches(letters(*[1] * (BATCH + 1))))) == [BATCH, 1]
    half = BATCH_BYTES // 2
    sized = letters(half, half, 1, BATCH_BYTES + 1, 1)
    assert list(map(len, batches(sized))) == [2, 1, 1, 1]
    assert [each for batch in batches(sized) for each in batch] == sized
    assert not list(batches([]))
