"""This machine and its settings, as a worker here would have them."""

import importlib.util
import os
import shutil
from pathlib import Path

from journey_engine.run.doctor.finding import Finding, Notes, Patient
from journey_engine.run.environment import unknown
from journey_engine.run.settings import Settings, StoreKind, is_loopback

FREE_BYTES = 1 << 30
FREE_SHARE = 0.1


def examine(patient: Patient) -> list[Finding]:
    """Definitions, settings, disk."""
    return [*_definitions(patient), *_settings(patient.settings), *_disk(patient.settings)]


def _definitions(patient: Patient) -> list[Finding]:
    notes, found = Notes("definitions"), patient.definitions
    if found is None:
        notes.error(
            "no definitions that can be run",
            "journey-engine validate; with JOURNEY_DEFINITIONS=topic: definitions publish, then "
            "definitions activate",
        )
        return notes.found
    for journey, errors in sorted(found.quarantined.items()):
        notes.error(
            f"{journey} is left out: {errors[0]}", "journey-engine validate, and mend what it says"
        )
    return notes.unless_worse(f"{len(found.plan.journeys)} journeys, plan {found.plan.hash[:12]}")


def _settings(settings: Settings) -> list[Finding]:
    notes = Notes("settings")
    hosts = [broker.rpartition(":")[0].strip("[]") for broker in settings.brokers]
    if not settings.security_protocol.endswith("SSL") and not all(map(is_loopback, hosts)):
        notes.warn(
            "what goes to and from the brokers is not encrypted",
            "set JOURNEY_SECURITY_PROTOCOL to SASL_SSL or SSL, and JOURNEY_TLS_CA_FILE",
        )
    for variable, hint in unknown(Settings).items():
        notes.warn(f"{variable} is no setting, and nobody reads it", hint)
    if settings.log_customer_ids:
        notes.warn("logs show customers' ids", "unset JOURNEY_LOG_CUSTOMER_IDS")
    if settings.erasure_key is None:
        notes.warn(
            "whoever knows an id can tell its proof of erasure",
            "set JOURNEY_ERASURE_KEY_FILE, the same for all workers",
        )
    if settings.store is StoreKind.VOLATILE:
        notes.warn("states are not kept on disk: a start restores all", "set JOURNEY_STORE=memory")
    elif importlib.util.find_spec("rocksdict") is None:
        tell = notes.error if settings.store is StoreKind.DISK else notes.warn
        tell("RocksDB is not installed", "pip install 'journey-engine[rocksdb]'")
    return notes.unless_worse("nothing to say against them")


def _disk(settings: Settings) -> list[Finding]:
    notes, folder = Notes("disk"), settings.data_dir
    nearest = _nearest(folder.absolute())
    if not os.access(nearest, os.W_OK | os.X_OK):
        notes.error(f"{nearest} cannot be written", "let the worker's user own JOURNEY_DATA_DIR")
    usage = shutil.disk_usage(nearest)
    free = f"{usage.free / 2**30:.1f} GiB of {usage.total / 2**30:.1f} free at {folder}"
    if usage.free < FREE_BYTES:
        notes.error(free, "make room: a store that cannot be written ends its worker")
    elif usage.free < FREE_SHARE * usage.total:
        notes.warn(free, "make room: RocksDB takes more for a while when it compacts")
    return notes.unless_worse(free)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.exists())
