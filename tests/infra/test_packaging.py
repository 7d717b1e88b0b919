"""What is put into Lambda: that it is all there, fits, and has the same name wherever it is built."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from infra.constructs.packaging import build_code, build_layer, function_code
from infra.manifest import ROOT, FunctionSpec
from tests.infra.conftest import UNBUNDLED

_LAMBDA_LIMIT = 250 * 1024**2
"""Bytes, unzipped, of a function with its layers."""

_LAYERS = ("common", "loader")


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The layers' `python` folders, built as for a deployment."""
    folder = tmp_path_factory.mktemp("layers")
    for group in _LAYERS:
        build_layer(ROOT / "requirements" / f"{group}.txt", folder / group)
    return {group: folder / group / "python" for group in _LAYERS}


@pytest.mark.parametrize("group", _LAYERS)
def test_a_layer_fits_and_is_for_lambdas_machine(layers: dict[str, Path], group: str) -> None:
    """It leaves room for the code, and its compiled modules are for Python 3.13 on arm64."""
    files = [path for path in layers[group].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 0.9 * _LAMBDA_LIMIT
    compiled = [path.name for path in files if ".cpython-" in path.name and path.suffix == ".so"]
    assert compiled
    assert all("cpython-313-aarch64" in name for name in compiled)


def test_a_layer_has_all_that_its_functions_import(layers: dict[str, Path], manifest: dict[str, FunctionSpec]) -> None:
    """Also what is imported late: the local run has every package and would not notice one that is missing."""
    missing = {
        f"{name} imports {package}, which is not in the layer {spec.layer}"
        for name, spec in manifest.items()
        if spec.layer
        for package in _packages(ROOT / "functions" / spec.folder / f"{name}.py")
        if not any((layers[spec.layer] / entry).exists() for entry in (package, f"{package}.py"))
    }
    assert not missing


def _packages(module: Path) -> set[str]:
    """Third-party packages that a module imports, at once or late, and so do the `shared` modules it loads at once."""
    packages: set[str] = set()
    seen: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name, late in _imports(ast.parse(path.read_text(encoding="utf-8")), late=False):
            top = name.partition(".")[0]
            if top != "shared":
                packages |= {top} - sys.stdlib_module_names
            elif not late:
                waiting += _files(name)
    return packages


def _imports(node: ast.AST, *, late: bool) -> Iterator[tuple[str, bool]]:
    """Every name that is imported, and whether only when a function runs; what is for type checkers is left out."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import():
                yield from ((alias.name, late) for alias in child.names)
            case ast.ImportFrom(module=str(source), level=0):
                yield from ((f"{source}.{alias.name}", late) for alias in child.names)
            case _:
                inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from _imports(child, late=inside)


def _files(name: str) -> list[Path]:
    """The files of `shared` that `import name` runs; the last part may be no module but something in one."""
    paths = []
    for count in range(1, name.count(".") + 2):
        base = ROOT.joinpath(*name.split(".")[:count])
        paths += [path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()]
    return paths


def test_code_holds_the_folder_and_what_is_shared(tmp_path: Path) -> None:
    """The handler's module is at the root, `shared` beside it with its SQL, and nothing compiled or hidden."""
    source, shared, output = tmp_path / "folder", tmp_path / "shared", tmp_path / "output"
    for file in ("folder/load_chunk.py", "shared/__init__.py", "shared/sql/1.sql", "shared/__pycache__/a.pyc"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (shared / ".hidden").touch()
    output.mkdir()
    build_code(source, shared, output)
    files = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert files == {"load_chunk.py", "shared/__init__.py", "shared/sql/1.sql"}


def test_an_asset_has_the_same_name_whether_or_not_it_was_built(tmp_path: Path) -> None:
    """So the local run, which builds nothing, reads the template that is deployed."""
    built = _code_key(App(outdir=str(tmp_path / "built")))
    unbuilt = _code_key(App(outdir=str(tmp_path / "unbuilt"), context=UNBUNDLED))
    assert built == unbuilt
    assert (tmp_path / "built" / f"asset.{built.removesuffix('.zip')}" / "start_upload.py").is_file()


def _code_key(app: App) -> str:
    stack = Stack(app, "Stack")
    lambda_.Function(
        stack,
        "Function",
        code=function_code("presign"),
        handler="start_upload.handler",
        runtime=lambda_.Runtime.PYTHON_3_13,
    )
    resources = app.synth().get_stack_by_name("Stack").template["Resources"].values()
    [function] = [resource for resource in resources if resource["Type"] == "AWS::Lambda::Function"]
    return str(function["Properties"]["Code"]["S3Key"])
