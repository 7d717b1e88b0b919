"""What is put into Lambda: a layer for each dependency group, a small code asset for each folder, and an image.

Layers and code are built by CDK's local bundling, with uv and without Docker. The hash of an asset is that of its
inputs (lock file, sources), so it is the same on every machine and whether or not bundling ran.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, IgnoreMode, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from aws_cdk.aws_ecr_assets import Platform
from constructs import Construct

from infra.manifest import ROOT, FunctionSpec

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
PYTHON_VERSION = "3.13"
PLATFORM = "aarch64-manylinux_2_28"

_NOT_SHIPPED = ("__pycache__", "*.pyc", ".*")
_IN_IMAGE = ("shared", "functions/scan")
_COMPILED = ("**/__pycache__",)


class Layers(Construct):
    """The layers, by the name of their dependency group."""

    def __init__(self, scope: Construct, construct_id: str, *, groups: Iterable[str]) -> None:
        super().__init__(scope, construct_id)
        self.by_group = {group: self._layer(group) for group in groups}

    def _layer(self, group: str) -> lambda_.LayerVersion:
        lock = ROOT / "requirements" / f"{group}.txt"
        return lambda_.LayerVersion(
            self,
            group.capitalize(),
            description=f"Locked dependencies of the group {group}",
            code=_bundled(lock.parent, _digest([lock], PLATFORM, PYTHON_VERSION), partial(build_layer, lock)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )


@dataclass(frozen=True)
class Package:
    """How a function's code gets into Lambda."""

    code: lambda_.Code
    handler: str
    runtime: lambda_.Runtime
    layers: Sequence[lambda_.ILayerVersion] | None


def in_layer(name: str, spec: FunctionSpec, layers: Layers) -> Package:
    """A module of a folder, on Lambda's own runtime and a layer."""
    layer = layers.by_group[str(spec.layer)]
    return Package(function_code(spec.folder), f"{name}.handler", RUNTIME, [layer])


def in_image(name: str, image: str) -> Package:
    """A module in a container, whose image is built when it is deployed, and not when the template is made."""
    code = lambda_.Code.from_asset_image(
        str(ROOT),
        file=f"infra/{image}/Dockerfile",
        cmd=[f"{name}.handler"],
        platform=Platform.LINUX_ARM64,
        exclude=["*", *(f"!{part}" for part in _IN_IMAGE), f"!infra/{image}", f"!requirements/{image}.txt", *_COMPILED],
        ignore_mode=IgnoreMode.DOCKER,
    )
    return Package(code, lambda_.Handler.FROM_IMAGE, lambda_.Runtime.FROM_IMAGE, layers=None)


def function_code(folder: str) -> lambda_.AssetCode:
    """A function folder's files at the root, with `shared/` beside them."""
    source, shared = ROOT / "functions" / folder, ROOT / "shared"
    files = [path for top in (source, shared) for path in sorted(top.rglob("*")) if _is_shipped(path)]
    return _bundled(source, _digest(files), partial(build_code, source, shared))


def _bundled(path: Path, asset_hash: str, build: Callable[[Path], None]) -> lambda_.AssetCode:
    """An asset that `build` makes; `image` is demanded by CDK and never started."""
    return lambda_.Code.from_asset(
        str(path),
        asset_hash=asset_hash,
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(image=DockerImage.from_registry("none"), local=_LocalBundling(build)),
    )


def _digest(files: Iterable[Path], *facts: str) -> str:
    """A hash of the files' names and contents, and of what else decides the output."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _is_shipped(path: Path) -> bool:
    names = path.relative_to(ROOT).parts
    return path.is_file() and not any(Path(name).match(pattern) for name in names for pattern in _NOT_SHIPPED)


def build_layer(lock: Path, output: Path) -> None:
    """Install a lock file's wheels for Lambda's platform into `output`; raises CalledProcessError when uv cannot."""
    command = [
        *(_uv(), "pip", "install", "--quiet", "--no-config", "--python", sys.executable),
        *("--python-platform", PLATFORM, "--python-version", PYTHON_VERSION),
        *("--only-binary", ":all:", "--require-hashes", "--no-compile-bytecode"),
        *("--target", str(output / "python"), "--requirement", str(lock)),
    ]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 (uv, and paths of our own)


def build_code(source: Path, shared: Path, output: Path) -> None:
    """Copy a function folder's files and `shared/` into `output`."""
    ignored = shutil.ignore_patterns(*_NOT_SHIPPED)
    shutil.copytree(source, output, dirs_exist_ok=True, ignore=ignored)
    shutil.copytree(shared, output / "shared", ignore=ignored)


@jsii.implements(ILocalBundling)
class _LocalBundling:
    """Passes CDK's request to fill a folder on to `build`; what that raises ends the synthesis: no Docker is tried."""

    def __init__(self, build: Callable[[Path], None]) -> None:
        self._build = build

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Fills `output_dir`."""
        self._build(Path(output_dir))
        return True


def _uv() -> str:
    """The uv beside this Python, or the one on the path."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("uv")
    if not found:
        raise FileNotFoundError("uv is needed to build the Lambda layers: install it with `pip install uv`")
    return found
