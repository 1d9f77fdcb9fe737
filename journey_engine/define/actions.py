"""`on_enter`, `on_exit` and `do`: the actions of a journey (section A)."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from journey_engine.define.action_form import (
    EVENTS_CUSTOMER,
    MEMBERS,
    PREFERRED,
    ActionForm,
    CommonForm,
    RouteForm,
    SendForm,
    ShowForm,
    SyncForm,
    TaskForm,
)
from journey_engine.define.action_plan import Action, ActionKind, CancelOn, Recipients
from journey_engine.define.company import Company
from journey_engine.define.document import JourneyDocument
from journey_engine.define.expression import Expression
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import END
from journey_engine.define.policy_form import CONTINUE, ELSE, FOLLOWED, ScoreForm
from journey_engine.define.policy_plan import PLAIN
from journey_engine.errors import CandidateOutcome

_NUMBERS: Final = frozenset({"int", "double"})
_DATA_KINDS: Final = frozenset(
    {"bool", "int", "double", "string", "timestamp", "null", "list<string>"}
)


class Actions:
    """Compiles the actions of one journey; `kinds` are those seen by id, each once in a journey."""

    def __init__(
        self, company: Company, names: Names, expressions: Expressions, document: JourneyDocument
    ) -> None:
        self.kinds: dict[str, ActionKind] = {}
        self._replaced: list[tuple[Place, str]] = []
        self._addressed: set[str] = set()
        self._company = company
        self._names = names
        self._expressions = expressions
        self._document = document

    def compile(
        self, forms: Sequence[ActionForm], place: Place, types: Iterable[str]
    ) -> tuple[Action, ...]:
        """The actions of one list; they may read the events of `types`."""
        read = tuple(types)
        return tuple(
            self._action(each.kind, each.form, place.at(index, each.kind), read)
            for index, each in enumerate(forms)
        )

    def check_replaced(self) -> None:
        """Report what a task `replaces` and is no task; call it when all are compiled."""
        for place, name in self._replaced:
            if name in self._addressed:
                message = f"`{name}` is a task for members, which none replaces"
                place.error("SUBJECT_CONFLICT", message, "leave `replaces` out")
            elif self.kinds.get(name) is not ActionKind.TASK:
                tasks = [each for each, kind in self.kinds.items() if kind is ActionKind.TASK]
                place.error(
                    "UNKNOWN_TASK", f"the journey has no task `{name}`", suggestion(name, tasks)
                )

    def _action(self, kind: str, form: CommonForm, place: Place, types: Sequence[str]) -> Action:
        if form.id in self.kinds:
            message = f"two actions of the journey are called `{form.id}`"
            place.at("id").error("REPEATED_ID", message, "feedback and traces tell them by it")
        word = ActionKind(kind.upper())
        self.kinds[form.id] = word
        # What waits is decided again when it is released: the event is gone by then.
        read = () if isinstance(form, SendForm) and form.delay else types
        when = None
        if form.when is not None:
            at = place.at("when")
            when = self._expressions.compile(at, form.when, self._names, read, "bool")
        data = tuple(self._data(form, place.at("data"), read))
        return Action(
            id=form.id,
            kind=word,
            when=when,
            expires=self._expires(form, place),
            priority=form.priority,
            data=data,
            falls_back=not any(_reads_event(each) for each in (when, *(one for _, one in data))),
            cancel_on=CancelOn(form.cancel_on),
            to=self._recipients(kind, form, place, read),
            **self._own(kind, form, place, read),
        )

    def _recipients(
        self, kind: str, form: CommonForm, place: Place, types: Sequence[str]
    ) -> Recipients | None:
        """Whom the action of an account's journey addresses (rule M3)."""
        if not self._document.of_account:
            if form.to is not None:
                message = "a customer's journey addresses its customer"
                place.at("to").key_error("SUBJECT_CONFLICT", message, "leave `to` out")
            return None
        if form.to is None:
            if kind != "task":
                message = f"an account gets no `{kind}`: say which of its customers do"
                place.key_error("SUBJECT_CONFLICT", message, "to: members")
            return None
        if isinstance(form, TaskForm) and form.replaces is not None:
            message = "a task for members replaces none"
            place.at("replaces").error("SUBJECT_CONFLICT", message, "leave `to` or `replaces` out")
        self._addressed.add(form.id)
        if form.to == EVENTS_CUSTOMER:
            at = place.at("to")
            return Recipients(self._expressions.compile(at, form.to, self._names, types, "string"))
        if form.to != MEMBERS and not self._company.profile.has_roles:
            message = "customer.yaml does not say which role a customer has in the account"
            hint = "such as `account: {from: [...], role: [AccountLinked.role]}`"
            place.at("to").error("SUBJECT_CONFLICT", message, hint)
        return Recipients(role=None if form.to == MEMBERS else form.to.split("'")[1])

    def _own(
        self, kind: str, form: CommonForm, place: Place, types: Sequence[str]
    ) -> dict[str, Any]:
        """What the kind of the action adds."""
        if isinstance(form, SendForm):
            return {
                "content": form.content,
                "channels": self._channels(form, place.at("channels")),
                "preferred": PREFERRED in form.channels,
                "theme": form.theme,
                "delay": form.delay or 0,
                "score": tuple(self._score(form, place.at("score"), types)),
                "on_suppressed": self._on_suppressed(form, place.at("on_suppressed")),
            }
        if isinstance(form, RouteForm):
            at = place.at("reply_to")
            reply_to = self._expressions.compile(at, form.reply_to, self._names, types, "string")
            own: dict[str, Any] = {"content": form.target, "reply_to": reply_to}
        elif isinstance(form, ShowForm):
            own = {"content": form.content, "slot": form.slot}
        elif isinstance(form, TaskForm):
            own = self._task(form, place)
        elif isinstance(form, SyncForm):
            own = {"content": form.audience, "op": form.op}
        else:
            raise TypeError(kind)
        self._check_channel(form.channel, kind, place.at("channel"))
        return {**own, "channels": (form.channel,)}

    def _score(
        self, form: SendForm, place: Place, types: Sequence[str]
    ) -> Iterable[tuple[str, Expression]]:
        """The factors, in their usual order."""
        if form.score is None:
            return
        purpose = self._document.purpose
        if not self._company.policy.purposes.get(purpose, PLAIN).arbitrate:
            message = f"nothing competes: `{purpose}` does not say `arbitrate: true`"
            place.key_error("SCORE_UNUSED", message, "policies.yaml says which purposes do")
        for name in ScoreForm.model_fields:
            text = getattr(form.score, name)
            if text is None:
                continue
            at = place.at(name)
            factor = self._expressions.compile(at, text, self._names, types)
            if factor is not None and factor.kind not in _NUMBERS:
                message = f"a factor is a number, this is a {factor.kind}"
                at.error("SCORE_KIND", message, "value an int or a double")
            elif factor is not None:
                yield name, factor

    def _on_suppressed(self, form: SendForm, place: Place) -> dict[CandidateOutcome, str]:
        """By outcome where the instance goes; `else` stands for all that are not named."""
        named = form.on_suppressed
        for target in named.values():
            if target not in {CONTINUE, END} and target not in self._document.stages:
                hint = suggestion(target, [*self._document.stages, END])
                place.error("UNKNOWN_STAGE", f"there is no stage `{target}`", hint)
        targets = {name: named.get(name, named.get(ELSE, CONTINUE)) for name in FOLLOWED}
        return {CandidateOutcome(n): to for n, to in targets.items() if to != CONTINUE}

    def _task(self, form: TaskForm, place: Place) -> dict[str, Any]:
        if form.replaces is not None:
            self._replaced.append((place.at("replaces"), form.replaces))
        if form.ack_within and form.expires and form.ack_within >= form.expires:
            message = "it expires before it must be acknowledged"
            place.at("ack_within").error("ACK_AFTER_EXPIRES", message, "shorten `ack_within`")
        return {
            "content": form.content or form.id,
            "team": form.team,
            "ack_within": form.ack_within,
            "replaces": form.replaces,
        }

    def _channels(self, form: SendForm, place: Place) -> tuple[str, ...]:
        for index, name in enumerate(form.channels):
            at = place.at(index)
            if name in form.channels[:index]:
                at.error("REPEATED_CHANNEL", f"`{name}` stands in the list twice", "drop one")
            elif name != PREFERRED:
                self._check_channel(name, "send", at, [PREFERRED])
        if form.channels == [PREFERRED]:
            message = "`preferred` needs channels to prefer among"
            place.error("CHANNELS_EMPTY", message, "list them after it, best first")
        return tuple(name for name in form.channels if name != PREFERRED)

    def _check_channel(
        self, name: str, action: str, place: Place, also: Sequence[str] = ()
    ) -> None:
        taking = self._company.takers.get(action, frozenset())
        if name not in self._company.channels:
            hint = suggestion(name, [*self._company.channels, *also])
            place.error("UNKNOWN_CHANNEL", f"channels.yaml knows no `{name}`", hint)
        elif name not in taking:
            message = f"the channel `{name}` does not take `{action}`"
            place.error("CHANNEL_ACTION", message, suggestion("", sorted(taking)))

    def _expires(self, form: CommonForm, place: Place) -> int | None:
        delay = form.delay if isinstance(form, SendForm) else None
        if form.expires is not None and delay is not None and form.expires <= delay:
            message = "it expires before its delay is over, so it is never sent"
            place.at("expires").error("EXPIRES_BEFORE_DELAY", message, "`expires` includes `delay`")
        return form.expires

    def _data(
        self, form: CommonForm, place: Place, types: Sequence[str]
    ) -> Iterable[tuple[str, Expression]]:
        for name, text in sorted(form.data.items()):
            at = place.at(name)
            expression = self._expressions.compile(at, text, self._names, types)
            if expression is None:
                continue
            if expression.kind not in _DATA_KINDS:
                message = f"a command cannot carry a {expression.kind}"
                at.error("DATA_KIND", message, f"it carries {', '.join(sorted(_DATA_KINDS))}")
            yield name, expression


def _reads_event(expression: Expression | None) -> bool:
    return expression is not None and any(root == "event" for root, _ in expression.reads)
