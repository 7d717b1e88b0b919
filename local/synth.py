"""Gets the templates from the CDK app, and keeps them until something that they are made of changes.

A synthesis takes seconds. What it is made of is: the Python modules that it imported (recorded while it ran),
the data files beside them, the built page, and the versions of CDK. The functions' code is not among it: it changes
the hashes of assets alone, which the local run does not use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.hosts import PAGE_DOMAIN
from local.template import StackTemplate, read_assembly

ROOT = Path(__file__).resolve().parent.parent

CACHE = ROOT / ".local" / "cdk.out"
"""Shared by all local stacks of this checkout, since it is a product of the sources and no state."""

_APP = "infra/app.py"
_DATA = ("cdk.json", "functions/manifest.toml", "requirements/*.txt", "web/dist/**/*")
_LIBRARIES = ("aws-cdk-lib", "constructs", "cdk-nag")
_CONTEXT: dict[str, Any] = {
    "aws:cdk:bundling-stacks": [],
    "pageDomain": PAGE_DOMAIN,
    "certificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/local",
}
"""Bundles no asset, for the functions run from their sources; and gives the page a name (see `local.hosts`)."""

_RECORD = "linefeed-inputs.json"
_RUN_AND_RECORD = """
import json, runpy, sys
runpy.run_path(sys.argv[1], run_name="__main__")
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
json.dump(sorted(file for file in files if file), open(sys.argv[2], "w"))
"""


class SynthesisError(Exception):
    """The CDK app failed; the message is what it said."""


def synthesized_stacks(cache: Path = CACHE) -> list[StackTemplate]:
    """The stacks in the order of their dependencies, synthesized anew only when they must be."""
    cache.parent.mkdir(parents=True, exist_ok=True)
    with _locked(cache.with_name(f"{cache.name}.lock")):
        if not is_current(cache):
            _synthesize(cache)
        return read_assembly(cache)


def is_current(cache: Path) -> bool:
    """Whether `cache` was made of what is there now."""
    try:
        record = json.loads((cache / _RECORD).read_text())
        return bool(record["digest"] == _digest(record["modules"]))
    except FileNotFoundError:
        return False


def _synthesize(cache: Path) -> None:
    """Run the app into a folder of its own, and put that in the place of the old one."""
    fresh = cache.with_name(f"{cache.name}.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    imported = fresh / _RECORD
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter and app
            [sys.executable, "-c", _RUN_AND_RECORD, _APP, str(imported)],
            cwd=ROOT,
            env=_environment(fresh),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise SynthesisError(f"python {_APP} failed:\n{result.stderr or result.stdout}")
        modules = _ours(json.loads(imported.read_text()))
        imported.write_text(json.dumps({"modules": modules, "digest": _digest(modules)}))
        shutil.rmtree(cache, ignore_errors=True)
        fresh.rename(cache)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _environment(target: Path) -> dict[str, str]:
    """A few variables only, so that the shell that starts the stack cannot change the template."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {
        **kept,
        "CDK_OUTDIR": str(target),
        "CDK_CONTEXT_JSON": json.dumps(_CONTEXT),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }


def _ours(files: list[str]) -> list[str]:
    """The modules of this checkout, relative to it; the virtual environment may lie within."""
    inside = (Path(file).relative_to(ROOT) for file in files if Path(file).is_relative_to(ROOT))
    return sorted({_APP, *(path.as_posix() for path in inside if path.parts[0] in {"infra", "shared"})})


def _digest(modules: list[str]) -> str:
    """A hash of everything that decides the templates; FileNotFoundError when a module is gone."""
    digest = hashlib.sha256()
    facts = [platform.python_version(), json.dumps(_CONTEXT), *(f"{name} {version(name)}" for name in _LIBRARIES)]
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    data = sorted(path for pattern in _DATA for path in ROOT.glob(pattern) if path.is_file())
    for path in [*(ROOT / module for module in modules), *data]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes respect."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
