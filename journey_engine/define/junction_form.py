"""What may be written in a junction: `choose` and `split` (rules J1, J2)."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from journey_engine.define.form import Cel, Form, Name, Share
from journey_engine.define.junction_plan import BUCKETS


class _Way(Form):
    to: Name
    outcome: Name | None = None

    @model_validator(mode="after")
    def _check_outcome(self) -> Self:
        if self.outcome is not None and self.to != "end":
            raise PydanticCustomError("outcome_without_end", "`outcome` goes with `to: end`")
        return self


class BranchForm(_Way):
    """A branch of `choose`."""

    when: Cel | None = None


class ArmForm(_Way):
    """An arm of a `split`; a share of 0% takes nobody new."""

    share: Share


class SplitForm(Form):
    """`split`: an experiment."""

    experiment: Name
    unit: Literal["customer", "account", "instance"]
    arms: Annotated[dict[Name, ArmForm], Field(min_length=2)]

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        total = sum(arm.share for arm in self.arms.values())
        if total != BUCKETS:
            raise PydanticCustomError(
                "split_sum",
                "the shares sum to {total}%: a split has 100%",
                {"total": f"{total / 100:g}"},
            )
        return self


def _with_default(branches: list[BranchForm]) -> list[BranchForm]:
    if [branch.when is None for branch in branches] != [False] * (len(branches) - 1) + [True]:
        raise PydanticCustomError(
            "choose_default",
            "not every customer finds one branch: the last has no `when`, every other has one",
        )
    return branches


Branches = Annotated[list[BranchForm], Field(min_length=2), AfterValidator(_with_default)]
