"""What may be written of an action (section A). Durations are milliseconds."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from journey_engine.define.form import Cel, Duration, Form, Identifier, Name, Text
from journey_engine.define.policy_form import OnSuppressed, ScoreForm

EVENTS_CUSTOMER: Final = "event.customer_id"
MEMBERS: Final = "members"
PREFERRED: Final = "preferred"
"""In `channels` of a send: the one that the customer prefers of those after it (rule C7)."""
RECIPIENTS: Final = r"^(event\.customer_id|members|role\('[A-Za-z][A-Za-z0-9_-]{0,63}'\))$"
"""`to`: the members of an account that an action addresses (rule M3)."""


class CommonForm(Form):
    """What every action may say."""

    id: Name
    when: Cel | None = None
    expires: Duration | None = None
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    data: dict[Identifier, Cel] = Field(default_factory=dict)
    cancel_on: Literal["end", "leave", "never"] = "end"
    to: Annotated[str, Field(pattern=RECIPIENTS)] | None = None


class SendForm(CommonForm):
    """`send`: a message on the first of its channels that may be used (rule A1)."""

    content: Text
    channels: Annotated[list[Name], Field(min_length=1)]
    theme: Name | None = None
    delay: Duration | None = None
    score: ScoreForm | None = None
    on_suppressed: OnSuppressed = Field(default_factory=dict)


class RouteForm(CommonForm):
    """`route`: the answer to a live contact (rule A2)."""

    channel: Name
    reply_to: Cel
    target: Text


class ShowForm(CommonForm):
    """`show`: what stands in a slot until it was seen (rule A3)."""

    channel: Name
    slot: Name
    content: Text


class TaskForm(CommonForm):
    """`task`: work for people (rule A4)."""

    channel: Name
    team: Name
    content: Text | None = None
    ack_within: Duration | None = None
    replaces: Name | None = None


class SyncForm(CommonForm):
    """`sync`: a customer goes into an audience or out of it (rule A5)."""

    channel: Name
    audience: Text
    op: Literal["add", "remove"]


class ActionForm(Form):
    """One action: exactly one of the five."""

    send: SendForm | None = None
    route: RouteForm | None = None
    show: ShowForm | None = None
    task: TaskForm | None = None
    sync: SyncForm | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        named = [name for name in ActionForm.model_fields if getattr(self, name) is not None]
        if len(named) != 1:
            raise PydanticCustomError(
                "one_action",
                "here are {count} actions: write one of `send`, `route`, `show`, `task`, `sync`",
                {"count": len(named)},
            )
        return self

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return next(name for name in ActionForm.model_fields if getattr(self, name) is not None)

    @property
    def form(self) -> SendForm | RouteForm | ShowForm | TaskForm | SyncForm:
        """What it says."""
        form: SendForm | RouteForm | ShowForm | TaskForm | SyncForm = getattr(self, self.kind)
        return form
