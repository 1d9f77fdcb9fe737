"""`migrate`: which stages of older versions become which of this one (rule V1)."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from journey_engine.define.form import Form, Name, Version, one_or_many
from journey_engine.define.migration_plan import Fate, Move


class MoveForm(Form):
    """Where those go who stand in a stage of an older version."""

    to: Name
    waits: Literal["keep", "recompute"] = "keep"
    on_enter: Literal["run", "skip"] = "skip"

    def meant(self) -> Move:
        """What it says; `finish` and `exit` name no stage."""
        if self.to in {Fate.FINISH, Fate.EXIT}:
            return Move(Fate(self.to))
        recompute, enter = self.waits == "recompute", self.on_enter == "run"
        return Move(Fate.MOVE, self.to, recompute, enter)


def _shortly(value: object) -> object:
    return {"to": value} if isinstance(value, str) else value


class MigrateForm(Form):
    """`migrate` of a journey."""

    versions: Annotated[
        list[Version],
        Field(alias="from", min_length=1),
        BeforeValidator(one_or_many, json_schema_input_type=Version | list[Version]),
    ]
    stages: Annotated[
        dict[
            Name,
            Annotated[MoveForm, BeforeValidator(_shortly, json_schema_input_type=Name | MoveForm)],
        ],
        Field(min_length=1),
    ]

    @property
    def entered(self) -> set[str]:
        """The stages whose `on_enter` runs, and there is no event."""
        moves = [form.meant() for form in self.stages.values()]
        return {move.to for move in moves if move.enter}
