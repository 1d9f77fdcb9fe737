"""What a channel may be asked for, and which of its topics an event type lies on."""

from collections.abc import Mapping
from dataclasses import dataclass

from journey_engine.define.action_plan import ActionKind
from journey_engine.define.central import ChannelsDocument
from journey_engine.define.feedback import ANSWERED, EXPIRED, UNACKED
from journey_engine.define.reading import read_document
from journey_engine.define.topics import Topics
from journey_engine.errors import DefinitionError, DefinitionErrors
from journey_engine.schemas import Schemas

RAISED = frozenset({EXPIRED, UNACKED})
"""Answers that the engine gives itself: no channel publishes them."""


def parse_channels(path: str, text: str) -> Mapping[str, frozenset[ActionKind]]:
    """The actions of each channel of `channels.yaml`.

    Raises:
        DefinitionErrors: all that is wrong in the file.
    """
    errors: list[DefinitionError] = []
    read = read_document(path, text, ChannelsDocument, errors)
    if read is None:
        raise DefinitionErrors(errors)
    return {
        name: frozenset(ActionKind(action.upper()) for action in form.actions)
        for name, form in read[0].channels.items()
    }


@dataclass(frozen=True, slots=True)
class Company:
    """What the contract is made from; `channels` are those that take commands."""

    schemas: Schemas
    topics: Topics
    channels: Mapping[str, frozenset[ActionKind]]

    @property
    def published(self) -> list[str]:
        """The event types that channels publish, in alphabetical order."""
        return [name for name in self.schemas.events if name not in RAISED]

    def answers(self, action: ActionKind) -> list[str]:
        """The event types by which a channel answers such a command."""
        answers = [name for name, answered in ANSWERED.items() if answered == action]
        return sorted(set(answers).intersection(self.published))

    def channel_of(self, type_: str) -> str:
        """A channel that such an event may come from: of an answer, one that is asked for it."""
        asked = [name for name, kinds in self.channels.items() if ANSWERED.get(type_) in kinds]
        inputs = list(self.topics.inputs)
        return next((name for name in (*asked, *inputs) if name in self.topics.inputs), inputs[0])
