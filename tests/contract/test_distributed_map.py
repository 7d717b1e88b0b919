"""The distributed Map over a JSON array in S3: how the chunks of a file are loaded."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from local.aws.inline_map import AT_ONCE
from tests.contract.cloud import Broken, Cloud, wait_for
from tests.contract.machines import NOT_RETRIED, RETRIED, catch, end_of, history, machine, run, start, task

RETRY = [NOT_RETRIED, {**RETRIED, "JitterStrategy": "NONE"}]


class Import:
    """A machine as the project's: load every chunk, then finish; or fail."""

    def __init__(self, cloud: Cloud, load: Any, chunks: Any, **changes: Any) -> None:
        self.cloud = cloud
        self.load = cloud.function(load)
        self.finish = cloud.function(lambda _: None)
        self.fail = cloud.function(lambda _: None)
        self.bucket = cloud.bucket()
        cloud.s3.put_object(Bucket=self.bucket, Key="chunks.json", Body=json.dumps(chunks))
        item = task(cloud, self.load, Retry=RETRY)
        load_chunks = {
            "Type": "Map",
            "MaxConcurrency": 40,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON"},
                "Parameters": {"Bucket.$": "$.plan.bucket", "Key.$": "$.plan.chunksKey"},
            },
            "ItemSelector": {"uploadId.$": "$.uploadId", "chunk.$": "$$.Map.Item.Value"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "LoadChunk",
                "States": {"LoadChunk": item},
            },
            "ResultPath": None,
            "Catch": catch("Fail"),
            "Next": "Finish",
            **changes,
        }
        states = {
            "LoadChunks": load_chunks,
            "Finish": task(cloud, self.finish),
            "Fail": task(cloud, self.fail, Next="ImportFailed"),
            "ImportFailed": {"Type": "Fail", "Error": "ImportFailed"},
        }
        self.arn = machine(cloud, states)
        self.data = {"uploadId": "u", "plan": {"bucket": self.bucket, "chunksKey": "chunks.json"}}

    def events(self, function: str) -> list[Any]:
        """What a function was called with."""
        return self.cloud.host.events_of(function)

    def map_run(self, execution: str) -> Any:
        """The description of the execution's Map run."""
        runs = self.cloud.machines.list_map_runs(executionArn=execution)["mapRuns"]
        return self.cloud.machines.describe_map_run(mapRunArn=runs[0]["mapRunArn"])


def test_each_item_is_loaded_once_and_a_few_at_a_time(cloud: Cloud) -> None:
    """With the input's fields and the item; the input goes on. No more at once than the machine has processors for."""
    lock, busy, most = threading.Lock(), 0, 0

    def load(_: Any) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.02)
        with lock:
            busy -= 1

    importing = Import(cloud, load, [{"number": number} for number in range(20)])
    assert run(cloud, importing.arn, importing.data)["status"] == "SUCCEEDED"
    loaded = sorted(importing.events(importing.load), key=lambda event: int(event["chunk"]["number"]))
    assert loaded == [{"uploadId": "u", "chunk": {"number": number}} for number in range(20)]
    assert 1 < most <= max(2, os.cpu_count() or 1)
    assert importing.events(importing.finish) == [importing.data]


def test_an_item_that_fails_fails_the_map(cloud: Cloud) -> None:
    """Unpatched, it becomes null, the Map succeeds, and the import is finished with rows missing."""

    def load(event: Any) -> None:
        if event["chunk"] == 5:
            raise Broken("StateConflict")

    importing = Import(cloud, load, list(range(100)), MaxConcurrency=2)
    execution = start(cloud, importing.arn, importing.data)
    assert end_of(cloud, execution)["error"] == "ImportFailed"
    assert importing.events(importing.fail)[0]["error"]["Error"] == "States.ExceedToleratedFailureThreshold"
    assert importing.events(importing.finish) == []
    assert len(importing.events(importing.load)) < 20
    assert "MapRunFailed" in history(cloud, execution)
    map_run = importing.map_run(execution)
    assert (map_run["status"], map_run["itemCounts"]["failed"], map_run["itemCounts"]["running"]) == ("FAILED", 1, 0)


def test_an_item_that_waits_for_its_retry_is_not_tried_again_after_the_map_has_failed(cloud: Cloud) -> None:
    """On AWS the run's other executions are aborted."""
    waiting = threading.Event()

    def load(event: Any) -> None:
        if event["chunk"] == "transient":
            waiting.set()
            raise Broken("OperationalError")
        waiting.wait(10)
        raise Broken("StateConflict")

    importing = Import(cloud, load, ["transient", "final"])
    assert run(cloud, importing.arn, importing.data)["status"] == "FAILED"
    time.sleep(1.3)
    assert sorted(event["chunk"] for event in importing.events(importing.load)) == ["final", "transient"]


def test_an_item_is_retried_by_itself(cloud: Cloud) -> None:
    """A chunk that fails for a moment does not hold up the others."""
    failures = iter([Broken("OperationalError")])

    def load(event: Any) -> None:
        if event["chunk"] == 1:
            for failure in failures:
                raise failure

    importing = Import(cloud, load, [0, 1, 2])
    assert run(cloud, importing.arn, importing.data)["status"] == "SUCCEEDED"
    assert sorted(event["chunk"] for event in importing.events(importing.load)) == [0, 1, 1, 2]


def test_failures_within_the_tolerance_are_tolerated(cloud: Cloud) -> None:
    """When the state has one: two may fail, three may not."""

    def load(event: Any) -> None:
        if event["chunk"] < event.get("failing", 2):
            raise Broken("StateConflict")

    tolerant = Import(cloud, load, list(range(10)), ToleratedFailureCount=2)
    assert run(cloud, tolerant.arn, tolerant.data)["status"] == "SUCCEEDED"
    strict = Import(cloud, load, list(range(10)), ToleratedFailureCount=1)
    assert run(cloud, strict.arn, strict.data)["status"] == "FAILED"


def test_a_list_that_is_not_there_fails_the_map(cloud: Cloud) -> None:
    """Under a name that Catch can tell. Unpatched, it is States.Runtime."""
    importing = Import(cloud, lambda _: None, [])
    data = {**importing.data, "plan": {"bucket": importing.bucket, "chunksKey": "absent.json"}}
    assert run(cloud, importing.arn, data)["status"] == "FAILED"
    assert importing.events(importing.fail)[0]["error"]["Error"] == "States.ItemReaderFailed"


def test_a_worker_handles_any_number_of_items(cloud: Cloud) -> None:
    """Unpatched, it calls itself for each item, and a thousand, or here a few hundred, overflow the stack."""
    limit = sys.getrecursionlimit()
    first = {"Variable": "$.chunk", "NumericEquals": 0, "Next": "LoadChunk"}
    skipping = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "IsFirst",
        "States": {
            "IsFirst": {"Type": "Choice", "Choices": [first], "Default": "Skip"},
            "LoadChunk": task(cloud, cloud.function(lambda _: sys.setrecursionlimit(300))),
            "Skip": {"Type": "Pass", "End": True},
        },
    }
    importing = Import(cloud, lambda _: None, list(range(300)), MaxConcurrency=1, ItemProcessor=skipping)
    try:
        assert run(cloud, importing.arn, importing.data)["status"] == "SUCCEEDED"
    finally:
        sys.setrecursionlimit(limit)


def test_stopping_the_execution_aborts_the_map(cloud: Cloud) -> None:
    """No further item is begun."""
    go_on = threading.Event()
    importing = Import(cloud, lambda _: go_on.wait(10), list(range(50)))
    execution = start(cloud, importing.arn, importing.data)
    wait_for(lambda: len(importing.events(importing.load)) == AT_ONCE)
    cloud.machines.stop_execution(executionArn=execution)
    go_on.set()
    wait_for(lambda: importing.map_run(execution)["status"] == "ABORTED")
    time.sleep(0.2)
    assert len(importing.events(importing.load)) == AT_ONCE
    assert importing.events(importing.fail) == []
