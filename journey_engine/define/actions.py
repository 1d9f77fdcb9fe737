"""`on_enter`, `on_exit` and `do`: the actions of a journey (rules A1, A7)."""

from collections.abc import Iterable, Sequence
from typing import Final

from journey_engine.define.company import Company
from journey_engine.define.document import ActionForm, SendForm
from journey_engine.define.expressions import Expressions, Names
from journey_engine.define.place import Place, suggestion
from journey_engine.define.plan import CancelOn, Expression, SendAction

PREFERRED: Final = "preferred"
_DATA_KINDS: Final = frozenset(
    {"bool", "int", "double", "string", "timestamp", "null", "list<string>"}
)


class Actions:
    """Compiles the actions of one journey; `ids` are those seen, each once in a journey (A)."""

    def __init__(self, company: Company, names: Names, expressions: Expressions) -> None:
        self.ids: set[str] = set()
        self._company = company
        self._names = names
        self._expressions = expressions

    def compile(
        self, forms: Sequence[ActionForm], place: Place, types: Iterable[str]
    ) -> tuple[SendAction, ...]:
        """The actions of one list; they may read the events of `types`."""
        read = tuple(types)
        return tuple(
            self._send(form.send, place.at(index, "send"), read) for index, form in enumerate(forms)
        )

    def _send(self, form: SendForm, place: Place, types: Sequence[str]) -> SendAction:
        if form.id in self.ids:
            message = f"two actions of the journey are called `{form.id}`"
            place.at("id").error("REPEATED_ID", message, "feedback and traces tell them by it")
        self.ids.add(form.id)
        # What waits is decided again when it is released: the event is gone by then.
        read = () if form.delay else types
        when = None
        if form.when is not None:
            at = place.at("when")
            when = self._expressions.compile(at, form.when, self._names, read, "bool")
        return SendAction(
            id=form.id,
            content=form.content,
            channels=self._channels(form, place.at("channels")),
            when=when,
            theme=form.theme,
            delay=form.delay or 0,
            expires=self._expires(form, place),
            priority=form.priority,
            data=tuple(self._data(form, place.at("data"), read)),
            cancel_on=CancelOn(form.cancel_on),
        )

    def _channels(self, form: SendForm, place: Place) -> tuple[str, ...]:
        for index, name in enumerate(form.channels):
            at = place.at(index)
            if name in form.channels[:index]:
                at.error("REPEATED_CHANNEL", f"`{name}` stands in the list twice")
            elif name != PREFERRED and name not in self._company.channels:
                hint = suggestion(name, [*self._company.channels, PREFERRED])
                at.error("UNKNOWN_CHANNEL", f"channels.yaml knows no `{name}`", hint)
            elif name != PREFERRED and name not in self._company.senders:
                hint = suggestion("", self._company.senders)
                at.error("CHANNEL_ACTION", f"the channel `{name}` does not take `send`", hint)
        if form.channels == [PREFERRED]:
            message = "`preferred` needs channels to prefer among"
            place.error("CHANNELS_EMPTY", message, "list them after it, best first")
        return tuple(name for name in form.channels if name != PREFERRED)

    def _expires(self, form: SendForm, place: Place) -> int | None:
        if form.expires is not None and form.delay is not None and form.expires <= form.delay:
            message = "it expires before its delay is over, so it is never sent"
            place.at("expires").error("EXPIRES_BEFORE_DELAY", message, "`expires` includes `delay`")
        return form.expires

    def _data(
        self, form: SendForm, place: Place, types: Sequence[str]
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
