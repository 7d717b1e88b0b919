"""The inline Map over a JSON array in the state: how the chunks of a small file are loaded."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from tests.contract.cloud import Broken, Cloud
from tests.contract.machines import NOT_RETRIED, RETRIED, catch, end_of, machine, run, start, task

RETRY = [NOT_RETRIED, {**RETRIED, "JitterStrategy": "NONE"}]


class Import:
    """A machine as the project's: load every chunk, then finish; or fail."""

    def __init__(self, cloud: Cloud, load: Any, chunks: list[Any]) -> None:
        self.cloud = cloud
        self.load = cloud.function(load)
        self.finish = cloud.function(lambda _: None)
        self.fail = cloud.function(lambda _: None)
        load_chunks = {
            "Type": "Map",
            "MaxConcurrency": 8,
            "ItemsPath": "$.plan.fewChunks",
            "ItemSelector": {"uploadId.$": "$.uploadId", "chunk.$": "$$.Map.Item.Value"},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "LoadChunk",
                "States": {"LoadChunk": task(cloud, self.load, Retry=RETRY, OutputPath=None)},
            },
            "ResultPath": None,
            "Catch": catch("Fail"),
            "Next": "Finish",
        }
        states = {
            "HowMany": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.plan.fewChunks[0]", "IsPresent": True, "Next": "LoadChunks"}],
                "Default": "Fail",
            },
            "LoadChunks": load_chunks,
            "Finish": task(cloud, self.finish),
            "Fail": task(cloud, self.fail, Next="ImportFailed"),
            "ImportFailed": {"Type": "Fail", "Error": "ImportFailed"},
        }
        self.arn = machine(cloud, states)
        self.data = {"uploadId": "u", "plan": {"fewChunks": chunks}}

    def events(self, function: str) -> list[Any]:
        """What a function was called with."""
        return self.cloud.host.events_of(function)


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


def test_an_item_that_fails_fails_the_map_with_its_own_error(cloud: Cloud) -> None:
    """What comes after it is not begun."""

    def load(event: Any) -> None:
        if event["chunk"] == 5:
            raise Broken("StateConflict")
        time.sleep(0.05)

    importing = Import(cloud, load, list(range(40)))
    execution = start(cloud, importing.arn, importing.data)
    assert end_of(cloud, execution)["error"] == "ImportFailed"
    assert importing.events(importing.fail)[0]["error"]["Error"] == "StateConflict"
    assert importing.events(importing.finish) == []
    time.sleep(0.5)
    assert len(importing.events(importing.load)) < 20


def test_an_empty_list_is_not_one_of_few_chunks(cloud: Cloud) -> None:
    """So the list in the bucket is what counts."""
    importing = Import(cloud, lambda _: None, [])
    assert run(cloud, importing.arn, importing.data)["status"] == "FAILED"
    assert importing.events(importing.load) == []
    assert len(importing.events(importing.fail)) == 1
