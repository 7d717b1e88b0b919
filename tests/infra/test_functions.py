"""The deployed functions against their manifest and their settings."""

from __future__ import annotations

import importlib
import sys

import pytest

from infra.configuration import OPERATOR_SETTINGS
from infra.manifest import ROOT, FunctionSpec
from shared.settings import Settings
from tests.infra.templates import Templates

_OF_LIBRARIES = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "LOG_LEVEL", "POLARS_MAX_THREADS"}


def test_every_function_of_the_manifest_is_deployed(templates: Templates, manifest: dict[str, FunctionSpec]) -> None:
    """Each with its timeout, memory and disk, on Python 3.13 and arm64, and no others."""
    functions = templates.functions()
    assert functions.keys() == manifest.keys()
    for name, spec in manifest.items():
        assert (functions[name]["Timeout"], functions[name]["MemorySize"]) == (spec.timeout, spec.memory)
        assert functions[name]["EphemeralStorage"] == {"Size": spec.storage}
        assert functions[name]["Runtime"] == "python3.13"
        assert functions[name]["Architectures"] == ["arm64"]
        [layer] = functions[name]["Layers"]
        assert str(spec.layer) in templates.text(layer).lower()


def test_every_function_is_traced_and_logs_for_a_set_time(templates: Templates) -> None:
    """X-Ray is on, and each function has a log group of its own with a retention."""
    groups = templates.of_type("AWS::Logs::LogGroup")
    functions = templates.functions()
    used = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions.values()]
    assert len(set(used)) == len(functions)
    assert all(groups[name]["RetentionInDays"] > 0 for name in used)
    assert all(function["TracingConfig"] == {"Mode": "Active"} for function in functions.values())


def test_no_log_group_grows_for_ever(templates: Templates) -> None:
    """Also those of the API and of the state machine have a retention."""
    assert all("RetentionInDays" in group for group in templates.of_type("AWS::Logs::LogGroup").values())


def test_environment_is_made_of_settings(templates: Templates) -> None:
    """A function's environment holds fields of Settings and what the libraries read: a misspelt name cannot hide."""
    fields = {name.upper() for name in Settings.model_fields}
    for name, function in templates.functions().items():
        assert function["Environment"]["Variables"].keys() <= fields | _OF_LIBRARIES, name


def test_every_setting_reaches_a_function(templates: Templates, clamav_templates: Templates) -> None:
    """A field of Settings that no function is told, with any scanner, would be an option without effect."""
    functions = [*templates.functions().values(), *clamav_templates.functions().values()]
    told = {name for function in functions for name in function["Environment"]["Variables"]}
    # Its default is right in AWS; only the local run, without TLS, changes it.
    assert {name.upper() for name in Settings.model_fields} - told == {"DATABASE_TLS"}


def test_an_operators_choice_is_what_functions_are_told(templates: Templates) -> None:
    """What `settings` in the context says goes into the environment; the rest has its default there."""
    assert templates.functions()["dispatch_job"]["Environment"]["Variables"]["JOB_CONCURRENCY"] == "3"
    chunk_bytes = templates.functions()["plan_import"]["Environment"]["Variables"]["CHUNK_BYTES"]
    assert chunk_bytes == str(Settings.model_fields["chunk_bytes"].default)


def test_operators_may_choose_every_setting_but_names(templates: Templates, clamav_templates: Templates) -> None:
    """A setting is either chosen by the operator or filled in by the stacks."""
    filled = {
        name
        for function in (*templates.functions().values(), *clamav_templates.functions().values())
        for name, value in function["Environment"]["Variables"].items()
        if not isinstance(value, str)
    }
    fields = {name.upper() for name in Settings.model_fields} - {"DATABASE_TLS", "DATABASE_PORT", "PAGE_ORIGINS"}
    assert fields - filled == {name.upper() for name in OPERATOR_SETTINGS}


def test_functions_that_use_the_database_are_in_its_network(templates: Templates) -> None:
    """Whoever is told the database's host can reach it, and nobody else is in the VPC."""
    for name, function in templates.functions().items():
        assert ("DATABASE_HOST" in function["Environment"]["Variables"]) == ("VpcConfig" in function), name


def test_module_names_are_unique_and_not_the_standard_librarys(manifest: dict[str, FunctionSpec]) -> None:
    """A function folder is a source root, so its modules must not hide others."""
    modules = [path.stem for path in (ROOT / "functions").glob("*/*.py")]
    assert len(modules) == len(set(modules))
    assert not set(modules) & sys.stdlib_module_names
    assert manifest.keys() <= set(modules)


def test_every_handler_imports(manifest: dict[str, FunctionSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler string of each function names something that can be called, in the folder that the manifest says."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    for name, spec in manifest.items():
        module = importlib.import_module(name)
        assert module.__file__ == str(ROOT / "functions" / spec.folder / f"{name}.py")
        assert callable(module.handler)
