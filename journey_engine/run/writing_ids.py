"""The registry's ids of what is written here, where `registry_write_ids` asks for them."""

from journey_engine.decode.frame import id_frame
from journey_engine.encode.outgoing import OutKind
from journey_engine.run.naming import Names
from journey_engine.run.registry import NotRegisteredError, Registry, RegistryError
from journey_engine.run.registry_ids import KeptIds
from journey_engine.run.settings import Settings
from journey_engine.run.subjects import subject_of
from journey_engine.schemas import RECORD_NAMESPACE, Schemas


async def frame_with_ids(settings: Settings, names: Names, schemas: Schemas) -> None:
    """Have the engine's records begin with their ids. A schema has one id, whatever its topic.

    Raises:
        RegistryError: one is not registered, or the registry does not answer and never told it.
    """
    topics = {
        "Command": next(iter(names.commands.values()), ""),
        "Transition": names.outputs[OutKind.TRANSITION],
        "SendDecision": names.outputs[OutKind.DECISION],
    }
    kept = KeptIds(settings)
    texts = kept.read()
    known = {text: schema_id for schema_id, text in texts.items() if isinstance(schema_id, int)}
    async with Registry(settings) as registry:
        for name, (_, fingerprint) in schemas.records.items():
            text = schemas.texts[fingerprint]
            if text not in known:
                subject = subject_of(topics[name], f"{RECORD_NAMESPACE}.{name}")
                known[text] = await id_of(registry, subject, text)
                texts[known[text]] = text
            schemas.frames[name] = id_frame(known[text])
    kept.write(texts)


async def id_of(registry: Registry, subject: str, text: str) -> int:
    """The id of a schema under a subject. Raises `RegistryError`, too, where it has none."""
    try:
        return await registry.id_of(subject, text)
    except NotRegisteredError:
        raise RegistryError(
            f"{subject} is not registered as it is in the folder of schemas: "
            "`journey-engine schemas register`"
        ) from None
