"""What is generated is what its sources make of it today."""

from deploy.monitoring.files import DEPLOY, files


def test_the_generated_files_are_fresh() -> None:
    stale = [str(path) for path, text in files().items() if path.read_text() != text]
    assert not stale, f"run `make gen`: {stale}"


def test_nothing_lies_beside_them_that_is_not_made() -> None:
    folders = [DEPLOY / "prometheus/rules", DEPLOY / "prometheus/tests", DEPLOY / "grafana"]
    found = {path for folder in folders for path in folder.glob("*.*ml")}
    assert found <= files().keys()
