"""Directories of stores that may not be used: what is in them is sound, so they are kept."""

from pathlib import Path

import pytest

from journey_engine.run.rocks import DamagedError, discard
from journey_engine.run.settings import StoreKind
from journey_engine.run.store import StoreError
from tests.run.test_store import KINDS, data, directory, opened


@KINDS
@pytest.mark.parametrize("file", ["rocksdict-config.json", "CURRENT", "LOCK"])
def test_a_sound_store_that_cannot_be_opened_is_kept(
    tmp_path: Path, kind: StoreKind, file: str
) -> None:
    store = opened(tmp_path, kind)
    store.write({"c:1": data(b"one")}, 7)
    store.close()
    place = directory(tmp_path, kind) / file
    aside = place.rename(tmp_path / "aside")
    place.mkdir()  # refused to every user, unlike a file without rights

    with pytest.raises(
        StoreError, match=rf"{place.parent} cannot be used by user \d+: .*directory"
    ):
        opened(tmp_path, kind)

    place.rmdir()
    aside.rename(place)
    again = opened(tmp_path, kind)
    assert again.changelog_offset() == 7
    again.close()


@KINDS
def test_a_data_dir_in_which_no_directory_can_be_made_is_said(
    tmp_path: Path, kind: StoreKind
) -> None:
    (tmp_path / "shop").write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot be used by user \d+: .*directory") as told:
        opened(tmp_path, kind)
    assert not isinstance(told.value, DamagedError)


def test_a_directory_that_cannot_be_discarded_is_said(tmp_path: Path) -> None:
    (tmp_path / "p0").mkdir()
    (tmp_path / "p0.discarded").write_bytes(b"")
    with pytest.raises(StoreError, match="p0 cannot be used by user"):
        discard(tmp_path / "p0")
