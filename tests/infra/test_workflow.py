"""The way of a file through the stacks: what calls what, and what a failure does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.manifest import FunctionSpec
from shared import errors
from shared.domain import object_keys
from shared.domain.plan import FEW_CHUNKS, Chunk
from shared.services.failures import IMPORT_CANCELLED, PASSING, TRIED_AGAIN_LATER
from tests.infra.templates import Templates

_STEPS = {"Plan": "plan_import", "Finish": "finish_import", "Fail": "fail_import"}
_LOADS = {"LoadOneOfFew": "load_chunk", "LoadChunk": "load_chunk"}
_MAPS = ("LoadFewChunks", "LoadChunks")


def _tasks(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    states: dict[str, dict[str, Any]] = definition["States"]
    few, many = (states[name]["ItemProcessor"]["States"] for name in _MAPS)
    return {name: state for name, state in {**states, **few, **many}.items() if state["Type"] == "Task"}


def test_steps_follow_each_other(definition: dict[str, Any]) -> None:
    """Plan, then all chunks, within the execution where planning names them and by the list where not, then Finish.

    Where a person is to look at the preview first, nothing follows.
    """
    states = definition["States"]
    assert definition["StartAt"] == "Plan"
    assert states["Plan"]["Next"] == "WhatIsNext"
    review, few = states["WhatIsNext"]["Choices"]
    assert review == {"Variable": "$.plan.review", "BooleanEquals": True, "Next": "WaitForReview"}
    assert states["WaitForReview"] == {"Type": "Succeed"}
    assert few == {"Variable": "$.plan.fewChunks[0]", "IsPresent": True, "Next": "LoadFewChunks"}
    assert states["WhatIsNext"]["Default"] == "LoadChunks"
    assert {states[name]["Next"] for name in _MAPS} == {"Finish"}
    assert states["Finish"]["End"]


def test_steps_call_the_functions_of_this_stack(templates: Templates, definition: dict[str, Any]) -> None:
    """The definition names functions by reference, and each step its own."""
    called = {
        name: templates.module_of(task["Parameters"]["FunctionName"]) for name, task in _tasks(definition).items()
    }
    assert called == {**_STEPS, **_LOADS}


def test_every_task_is_tried_again_on_what_may_pass(definition: dict[str, Any]) -> None:
    """First the errors that no attempt can change, then backoff with jitter for all others."""
    for name, task in _tasks(definition).items():
        never, passing, again = task["Retry"]
        assert never["MaxAttempts"] == 0, name
        assert again["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"], name
        assert (again["MaxAttempts"], again["JitterStrategy"]) == (5, "FULL"), name
        assert {"TransientError", "Lambda.TooManyRequestsException"} <= set(passing["ErrorEquals"]), name
        assert passing["JitterStrategy"] == "FULL", name


def test_a_database_that_fails_over_is_waited_for(definition: dict[str, Any]) -> None:
    """RDS takes one or two minutes for it; with full jitter a wait is half as long as its limit, on average."""
    for name, task in _tasks(definition).items():
        passing = task["Retry"][1]
        limits = [
            min(passing["IntervalSeconds"] * passing["BackoffRate"] ** attempt, passing["MaxDelaySeconds"])
            for attempt in range(passing["MaxAttempts"])
        ]
        assert 120 <= sum(limits) / 2 <= 300, name


def test_each_step_is_told_its_attempt(definition: dict[str, Any]) -> None:
    """So that what comes late from an earlier one can be told from what belongs to this one."""
    for name in _STEPS:
        assert definition["States"][name]["Parameters"]["Payload"]["attempt.$"] == "$.attempt", name


def test_what_may_pass_is_what_the_failure_step_takes_for_passing(definition: dict[str, Any]) -> None:
    """Each task is tried again on just these, and behind that the whole import is."""
    for name, task in _tasks(definition).items():
        assert task["Retry"][1]["ErrorEquals"] == list(PASSING), name


def test_errors_that_are_never_retried_exist(definition: dict[str, Any]) -> None:
    """Step Functions matches on class names, so each must be one of ours, and the transient one not among them."""
    names = {error for task in _tasks(definition).values() for error in task["Retry"][0]["ErrorEquals"]}
    assert all(issubclass(getattr(errors, name), errors.LinefeedError) for name in names)
    assert errors.TransientError.__name__ not in names


def test_every_failure_leads_to_the_failure_step(definition: dict[str, Any]) -> None:
    """Whatever fails, the upload is told so, and the execution ends as failed with what the failure step makes of it.

    An item's error does not come out of a distributed Map, and an error that begins with `States.` is not ours to name.
    """
    states = definition["States"]
    for name in ("Plan", *_MAPS, "Finish"):
        [catch] = states[name]["Catch"]
        assert catch == {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Fail"}, name
    assert states["Fail"]["Parameters"]["Payload"]["error.$"] == "$.error"
    assert states["Fail"]["Next"] == "ImportFailed"
    assert states["Fail"]["ResultSelector"] == {"error.$": "$.Payload.error"}
    assert states["Fail"]["ResultPath"] == "$.failure"
    assert states["ImportFailed"] == {"Type": "Fail", "ErrorPath": "$.failure.error", "CausePath": "$.error.Cause"}


def test_a_task_outlasts_its_function(definition: dict[str, Any], manifest: dict[str, FunctionSpec]) -> None:
    """A function that runs out of time says so itself, before its task does."""
    steps = {**_STEPS, **_LOADS}
    for name, task in _tasks(definition).items():
        assert 0 < task["TimeoutSeconds"] - manifest[steps[name]].timeout <= 60, name
    assert definition["TimeoutSeconds"] > 0


def test_chunks_are_loaded_from_the_list_in_the_bucket(templates: Templates, definition: dict[str, Any]) -> None:
    """A Distributed Map reads the chunk list, hands each chunk to `load_chunk` with the upload, and keeps no output."""
    each = definition["States"]["LoadChunks"]
    bucket, _ = templates.bucket_of_files()
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert each["ItemReader"]["Parameters"] == {"Bucket": f"<{bucket}>", "Key.$": "$.plan.chunksKey"}
    assert each["MaxConcurrency"] == 8
    assert each["ItemSelector"].keys() == {"tenantId.$", "uploadId.$", "correlationId.$", "attempt.$", "chunk.$"}
    assert each["ResultPath"] is None
    assert each["ItemProcessor"]["States"]["LoadChunk"]["OutputPath"] is None


def test_a_few_chunks_are_loaded_within_the_execution(definition: dict[str, Any]) -> None:
    """As many at once as of many, and their history and the state stay far below what Step Functions takes."""
    each, many = (definition["States"][name] for name in _MAPS)
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert each["ItemsPath"] == "$.plan.fewChunks"
    assert each["ItemSelector"] == many["ItemSelector"]
    assert each["MaxConcurrency"] == many["MaxConcurrency"]
    assert each["ResultPath"] is None
    retries = sum(retry["MaxAttempts"] for retry in _tasks(definition)["LoadOneOfFew"]["Retry"])
    events_of_an_item = 4 + 6 * (1 + retries)
    assert FEW_CHUNKS * events_of_an_item < 25_000 / 2
    part = object_keys.parts_prefix("t" * 100, "u" * 36, 99) + "000000.csv"
    chunk = Chunk(index=0, start=2**40, end=2**40, first_line=2**40, records=2**40, part=part)
    assert FEW_CHUNKS * len(chunk.model_dump_json()) < 256 * 1024 / 4


def test_executions_are_logged_and_traced(templates: Templates) -> None:
    """An operator sees every step of every execution."""
    machine = templates.only("AWS::StepFunctions::StateMachine")
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine.get("StateMachineType", "STANDARD") == "STANDARD"


def test_new_objects_are_scanned(templates: Templates) -> None:
    """An object that is created under incoming/, and no other, goes to the scan."""
    configuration = templates.only("Custom::S3BucketNotifications")["NotificationConfiguration"]
    [target] = configuration["LambdaFunctionConfigurations"]
    assert target["Events"] == ["s3:ObjectCreated:*"]
    assert target["Filter"]["Key"]["FilterRules"] == [{"Name": "prefix", "Value": "incoming/"}]
    assert templates.module_of(target["LambdaFunctionArn"]) == "scan_upload"


def test_the_queue_wakes_the_dispatcher(templates: Templates) -> None:
    """Each change of a job does, from the first one on, and a schedule in case one was lost."""
    mapping = templates.stream_reader("Jobs")
    assert templates.module_of(mapping["FunctionName"]) == "dispatch_job"
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    [sweep] = [rule for rule in templates.of_type("AWS::Events::Rule").values() if "ScheduleExpression" in rule]
    assert sweep["ScheduleExpression"] == "rate(1 minute)"
    assert {templates.module_of(target["Arn"]) for target in sweep["Targets"]} == {"dispatch_job", "sweep_uploads"}


def test_the_api_has_the_manifests_routes(templates: Templates, manifest: dict[str, FunctionSpec]) -> None:
    """Every route leads to the function that answers it, in payload format 2.0."""
    integrations = templates.of_api("AWS::ApiGatewayV2::Integration").values()
    assert {integration["PayloadFormatVersion"] for integration in integrations} == {"2.0"}
    assert templates.routes() == {route: name for name, spec in manifest.items() for route in spec.routes}


def test_the_api_logs_each_request(templates: Templates) -> None:
    """With the route and the status, as JSON."""
    [stage] = templates.of_api("AWS::ApiGatewayV2::Stage").values()
    assert {"route", "status"} <= json.loads(stage["AccessLogSettings"]["Format"]).keys()


def test_migrations_run_before_anything_can_import(templates: Templates) -> None:
    """A deployment runs the migrations; the functions that use the schema, and the state machine, wait for them."""
    [(name, trigger)] = templates.of_type("Custom::Trigger").items()
    version = templates.resources[trigger["HandlerArn"]["Ref"]]["Properties"]
    assert templates.module_of(version["FunctionName"]) == "migrate_database"
    [machine] = templates.of_type("AWS::StepFunctions::StateMachine")
    assert name in templates.resources[machine]["DependsOn"]
    waiting = {
        templates.module_of({"Ref": function})
        for function in templates.of_type("AWS::Lambda::Function")
        if name in templates.resources[function].get("DependsOn", ())
    }
    assert waiting == {"load_chunk", "finish_import", "fail_import", "undo_import"}


def test_alarms_tell_somebody(templates: Templates) -> None:
    """Each alarm speaks to the topic, and the topic hears CloudWatch."""
    [topic] = templates.of_type("AWS::SNS::Topic")
    alarms = templates.of_type("AWS::CloudWatch::Alarm")
    assert alarms
    assert all(alarm["AlarmActions"] == [{"Ref": topic}] for alarm in alarms.values())
    statements = templates.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert any(
        statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        for statement in statements
    )


@pytest.mark.parametrize("error", [errors.UploadRejected.__name__, IMPORT_CANCELLED, TRIED_AGAIN_LATER])
def test_what_is_not_the_operators_is_no_alarm(templates: Templates, error: str) -> None:
    """An import that fails by its file, that a person cancels, or that is tried again."""
    pattern = templates.only("AWS::Logs::MetricFilter")["FilterPattern"]
    assert f'$.details.error != "{error}"' in pattern
