"""How patterns of several events are written (rule P1), on entries and on transitions."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from journey_engine.define.form import Cel, Duration, EventTypes, Form, Identifier
from journey_engine.define.pattern_plan import ELEMENTS_MAX, TIMES_MAX, PatternKind

KINDS: Final = tuple(PatternKind)


class ElementForm(Form):
    """One event of a pattern, with a guard and a key of its own."""

    on: EventTypes
    when: Cel | None = None
    key: Cel | None = None


def _element(value: object) -> object:
    return {"on": value} if isinstance(value, str | list) else value


Element = Annotated[
    ElementForm,
    BeforeValidator(_element, json_schema_input_type=Identifier | list[Identifier] | ElementForm),
]
Elements = Annotated[list[Element], Field(min_length=2, max_length=ELEMENTS_MAX)]


class PatternForm(Form):
    """A clause that one event triggers, or several that belong together."""

    on: EventTypes | None = None
    times: Annotated[int, Field(ge=2, le=TIMES_MAX)] | None = None
    sequence: Elements | None = None
    all: Elements | None = None
    not_followed_by: Element | None = None
    within: Duration | None = None
    when: Cel | None = None
    key: Cel | None = None

    @property
    def kind(self) -> PatternKind | None:
        """The kind of the pattern; None where one event is enough."""
        return next((kind for kind in KINDS if getattr(self, kind) is not None), None)

    @property
    def elements(self) -> list[ElementForm]:
        """The events that the clause reads, in the order in which they are written."""
        if self.sequence is not None or self.all is not None:
            return self.sequence or self.all or []
        found = [] if self.not_followed_by is None else [self.not_followed_by]
        if self.on is not None:
            # Checked already; a key that was left out is no key without a value.
            found.insert(0, ElementForm.model_construct(on=self.on, when=self.when, key=self.key))
        return found

    @property
    def types(self) -> list[str]:
        """All event types that the clause reads."""
        return list(dict.fromkeys(name for element in self.elements for name in element.on))

    @property
    def leads(self) -> list[str]:
        """The types of the event that triggers it; none where a timer does."""
        if self.kind is PatternKind.NOT_FOLLOWED_BY:
            return []
        return self.elements[-1].on if self.sequence is not None else self.types

    @property
    def tells(self) -> list[str]:
        """The types whose event `remember` reads."""
        first = self.kind is PatternKind.NOT_FOLLOWED_BY and self.on is not None
        return (self.on or []) if first else self.leads

    def check_pattern(self) -> None:
        """Raise `PydanticCustomError` where the parts of a pattern do not fit together."""
        written = [kind.value for kind in KINDS if getattr(self, kind) is not None]
        written += ["on"] if self.on is not None and (self.sequence or self.all) else []
        if len(written) > 1:
            raise PydanticCustomError(
                "pattern_conflict",
                "`{first}` and `{second}` are two triggers: make it two clauses",
                {"first": written[0], "second": written[1]},
            )
        if self.on is None and (self.times or self.not_followed_by):
            raise PydanticCustomError("no_trigger", "the pattern does not say what comes: add `on`")
        if (self.within is None) != (self.kind is None):
            raise PydanticCustomError(
                "pattern_within",
                "a pattern and its time go together: `within` says in what time its events come",
            )
        if self.key is not None and (self.sequence or self.all):
            raise PydanticCustomError(
                "pattern_key",
                "one `key` stands for several events: give each its own, {on: Type, key: ...}",
            )
