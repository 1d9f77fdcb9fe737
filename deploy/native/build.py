"""Compiles the extensions that `pyproject.toml` lists into the wheel.

Every one has a pure twin: without a C compiler, or with JOURNEY_ENGINE_PURE=1, the wheel is the
pure one and lacks nothing but speed. An editable install stays pure.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import setuptools
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools.command.build_ext import build_ext

PURE = "JOURNEY_ENGINE_PURE"
WORK = Path("build/native")
"""What the compilers leave, kept so that a second build compiles only what changed."""
PROBE = setuptools.Extension("probe", [str(WORK / "probe.c")])


class NativeBuildHook(BuildHookInterface[Any]):
    """Its options: `cython`, sources in Cython; `mypyc`, pure modules that mypyc compiles."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put what came of it beside the sources."""
        if version == "editable":
            return
        with contextlib.chdir(self.root):
            built = self._built()
        if built:
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["force_include"].update(built)

    def _built(self) -> dict[str, str]:
        """Where each extension lies, and its place in the wheel."""
        if os.environ.get(PURE) == "1":  # noqa: TID251 - no settings before the package exists
            self._say(f"{PURE}=1")
            return {}
        try:
            probe()
        except Exception as error:  # noqa: BLE001 - each compiler fails in its own way
            self._say(f"no working C compiler ({error})")
            return {}
        return compiled([*self._cython(), *self._mypyc()])

    def _cython(self) -> list[setuptools.Extension]:
        if not (sources := self.config.get("cython", [])):
            return []
        from Cython.Build import cythonize  # noqa: PLC0415 - a pure wheel has no need of it

        extensions: list[setuptools.Extension] = cythonize(  # type: ignore[no-untyped-call]
            sources, build_dir=str(WORK), language_level=3, quiet=True
        )
        return extensions

    def _mypyc(self) -> list[setuptools.Extension]:
        if not (modules := self.config.get("mypyc", [])):
            return []
        from mypyc.build import mypycify  # noqa: PLC0415 - as above

        options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={WORK / 'mypy'}"]
        return mypycify([*options, *modules], target_dir=str(WORK), group_name="journey_engine")

    def _say(self, why: str) -> None:
        sys.stderr.write(f"{why}: the wheel is built without native extensions\n")


def probe() -> None:
    """Raise if C for this Python cannot be compiled here."""
    source = Path(PROBE.sources[0])
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("#include <Python.h>\nPyObject *PyInit_probe(void) { return NULL; }\n")
    compiled([PROBE], force=True)


def compiled(extensions: list[setuptools.Extension], *, force: bool = False) -> dict[str, str]:
    """Compile them; the files and their places below the package root."""
    if not extensions:
        return {}
    command = build_ext(setuptools.Distribution({"ext_modules": extensions}))
    library = WORK / "lib"
    command.build_lib, command.build_temp, command.force = str(library), str(WORK / "temp"), force
    command.ensure_finalized()
    command.run()
    return {made: str(Path(made).relative_to(library)) for made in command.get_outputs()}
