"""What a check comes to, and what all checks are given."""

from enum import StrEnum
from typing import NamedTuple

from journey_engine.define.topics import Topics, TopicSpec
from journey_engine.run.definitions import Definitions
from journey_engine.run.naming import Names, full_names
from journey_engine.run.settings import Settings


class Severity(StrEnum):
    """How bad it is: `error` means that a worker does not run, or does what is wrong."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"


class Finding(NamedTuple):
    """One thing that was looked at; `fix` says what to do where it is not as it should be."""

    severity: Severity
    check: str
    what: str
    fix: str = ""


class Patient(NamedTuple):
    """The app that is looked at; `definitions` None: there are none that can be run."""

    settings: Settings
    topics: Topics
    names: Names
    definitions: Definitions | None

    @property
    def declared(self) -> dict[str, TopicSpec]:
        """Every topic by its name on the broker."""
        full = full_names(self.topics, self.settings)
        return {full[name]: spec for name, spec in self.topics.all.items()}


class Notes:
    """Collects the findings of one check."""

    def __init__(self, check: str) -> None:
        self.found: list[Finding] = []
        self._check = check

    def error(self, what: str, fix: str) -> None:
        """It keeps a worker from running, or from doing what is right."""
        self.found.append(Finding(Severity.ERROR, self._check, what, fix))

    def warn(self, what: str, fix: str) -> None:
        """It works, and is not as it should be."""
        self.found.append(Finding(Severity.WARNING, self._check, what, fix))

    def fine(self, what: str) -> None:
        """It is as it should be."""
        self.found.append(Finding(Severity.OK, self._check, what))

    def unless_worse(self, what: str) -> list[Finding]:
        """All that was found; this, where it was nothing."""
        if not self.found:
            self.fine(what)
        return self.found
