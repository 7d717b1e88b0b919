"""Every call of a function passes through the host; nobody waits for an asynchronous one."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Broken, Cloud, wait_for


def test_an_invocation_is_answered_by_the_host(cloud: Cloud) -> None:
    """The payload goes there and back as it is. Unpatched, moto looks for Docker."""
    name = cloud.function(lambda event: {"seen": event})
    answer = cloud.functions.invoke(FunctionName=name, Payload=json.dumps({"größe": 1}))
    assert json.loads(answer["Payload"].read()) == {"seen": {"größe": 1}}
    assert "FunctionError" not in answer


def test_a_function_that_fails_is_told_as_a_function_error(cloud: Cloud) -> None:
    """The status is 200, the header and the payload tell of the failure."""

    def fail(_: Any) -> None:
        raise Broken("UploadRejected")

    answer = cloud.functions.invoke(FunctionName=cloud.function(fail), Payload="{}")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "UploadRejected"


def test_a_host_that_breaks_down_is_a_service_error(cloud: Cloud) -> None:
    """It is not mistaken for a failure of the function."""

    def break_down(_: Any) -> None:
        raise OSError("no more processes")

    with pytest.raises(ClientError, match="ServiceException"):
        cloud.functions.invoke(FunctionName=cloud.function(break_down), Payload="{}")


def test_a_payload_that_is_not_json_is_refused(cloud: Cloud) -> None:
    """Before any function is called."""
    name = cloud.function(lambda _: None)
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        cloud.functions.invoke(FunctionName=name, Payload="{")
    assert cloud.host.events_of(name) == []


def test_an_event_is_accepted_before_the_function_runs(cloud: Cloud) -> None:
    """Unpatched, the caller waits until the function has ended."""
    go_on, ended = threading.Event(), threading.Event()

    def handle(_: Any) -> None:
        go_on.wait(10)
        ended.set()

    name = cloud.function(handle)
    answer = cloud.functions.invoke(FunctionName=name, InvocationType="Event", Payload='{"n": 1}')
    assert answer["StatusCode"] == 202
    assert not ended.is_set()
    assert wait_for(lambda: cloud.host.events_of(name)) == [{"n": 1}]
    go_on.set()


def test_an_event_that_fails_is_tried_three_times_under_one_request_id(cloud: Cloud) -> None:
    """Lambda retries an asynchronous call twice. Unpatched, the failure is swallowed."""

    def fail(_: Any) -> None:
        raise Broken("Transient")

    name = cloud.function(fail)
    cloud.functions.invoke(FunctionName=name, InvocationType="Event", Payload="{}")
    wait_for(lambda: len(cloud.host.events_of(name)) == 3)
    assert len({call.request_id for call in cloud.host.calls if call.function_name == name}) == 1


def test_the_last_failure_is_told_to_the_destination(cloud: Cloud) -> None:
    """With the event that nobody could deal with, in the form of the Lambda guide; moto tells nobody."""

    def fail(_: Any) -> None:
        raise Broken("Transient")

    name, destination = cloud.function(fail), cloud.function(lambda _: None)
    cloud.functions.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": cloud.arn(destination)}},
    )
    cloud.functions.invoke(FunctionName=name, InvocationType="Event", Payload='{"n": 7}')
    [told] = wait_for(lambda: cloud.host.events_of(destination))
    assert told["requestPayload"] == {"n": 7}
    assert (told["requestContext"]["condition"], told["requestContext"]["approximateInvokeCount"]) == (
        "RetriesExhausted",
        2,
    )
    assert told["responsePayload"]["errorType"] == "Transient"
    assert len(cloud.host.events_of(name)) == 2


def test_a_dry_run_calls_nothing(cloud: Cloud) -> None:
    """DryRun checks that one may call, no more."""
    name = cloud.function(lambda _: None)
    assert cloud.functions.invoke(FunctionName=name, InvocationType="DryRun")["StatusCode"] == 204
    assert cloud.host.events_of(name) == []
