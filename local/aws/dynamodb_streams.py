"""A table's stream feeds its Lambda functions from pollers, in order and outside of the write.

moto calls the function inside the write, with every record so far, ignores batch size and filters, and drops the
records when the function fails. As on AWS each event source mapping has a poller: it takes records in the order
of the writes, up to BatchSize at once, for which it waits up to MaximumBatchingWindowInSeconds, keeps those that match
a filter of FilterCriteria, and tries a batch that fails again until it succeeds or MaximumRetryAttempts (none given,
or -1: for ever) is used up.

Not closed: ParallelizationFactor (a mapping has one poller), BisectBatchOnFunctionError, partial batch answers,
destinations, and records that are older than the mapping (StartingPosition is always LATEST).
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
import uuid
from typing import Any

from moto.core.utils import unix_time
from moto.dynamodb.models.table import StreamRecord, StreamShard
from moto.events.models import EventPattern

from local.aws.lambda_calls import FunctionCall, InvokeFunction, failure_of
from local.aws.patching import Patches

_LOG = logging.getLogger(__name__)
_LONGEST_DELAY = 10.0


class StreamPollers:
    """The pollers of all event source mappings, made when the first record for one comes."""

    def __init__(self, invoke: InvokeFunction) -> None:
        self._invoke = invoke
        self._pollers: dict[str, _Poller] = {}
        self._stopping = threading.Event()

    def publish(self, shard: Any, old: Any, new: Any) -> None:
        """Add a change to a table's stream; `old` or `new` is None for an item that was made or deleted.

        The functions that read the stream get it later, on a poller's thread.
        """
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        view = shard.table.stream_specification["StreamViewType"]
        sequence_number = shard.starting_sequence_number + len(shard.items)
        shard.items.append(StreamRecord(shard.table, view, name, old, new, sequence_number))
        if self._stopping.is_set():
            return
        for mapping in list(shard.table.lambda_event_source_mappings.values()):
            if not mapping.enabled:
                continue
            if mapping.uuid not in self._pollers:
                self._pollers[mapping.uuid] = _Poller(mapping, self._invoke, self._stopping)
            self._pollers[mapping.uuid].take(_event_record(shard.items[-1], mapping))

    def drain(self, seconds: float) -> int:
        """Wait until every record was handled, at most `seconds`; returns how many were not."""
        deadline = time.monotonic() + seconds
        pollers = list(self._pollers.values())
        return sum(poller.drain(max(0.0, deadline - time.monotonic())) for poller in pollers)

    def stop(self) -> None:
        """Take no more records, and give up batches that wait for another try."""
        self._stopping.set()
        for poller in self._pollers.values():
            poller.wake_up()


class _Poller:
    """One event source mapping's reader; its thread lives as long as the server."""

    def __init__(self, mapping: Any, invoke: InvokeFunction, stopping: threading.Event) -> None:
        self._mapping = mapping
        self._invoke = invoke
        self._stopping = stopping
        self._records: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._open = 0
        threading.Thread(target=self._work, name=f"stream-{mapping.uuid}", daemon=True).start()

    def take(self, record: dict[str, Any]) -> None:
        with self._changed:
            self._open += 1
        self._records.put(record)

    def wake_up(self) -> None:
        self._records.put(None)

    def drain(self, seconds: float) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._open == 0, timeout=seconds)
            return self._open

    def _work(self) -> None:
        while not self._stopping.is_set():
            first = self._records.get()
            if first is None:
                return
            batch = [first, *self._waiting(self._mapping.batch_size - 1)]
            try:
                self._deliver([record for record in batch if self._wanted(record)])
            finally:
                with self._changed:
                    self._open -= len(batch)
                    self._changed.notify_all()

    def _waiting(self, limit: int) -> list[dict[str, Any]]:
        """Records that come within the batching window, or are there already, as many as fit in the batch."""
        records: list[dict[str, Any]] = []
        deadline = time.monotonic() + (self._mapping.max_batch_window or 0)
        while len(records) < limit:
            try:
                record = self._records.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if record is None:
                self.wake_up()
                break
            records.append(record)
        return records

    def _wanted(self, record: dict[str, Any]) -> bool:
        filters = (self._mapping.filter_criteria or {}).get("Filters", [])
        patterns = [EventPattern(one["Pattern"], json.loads(one["Pattern"])) for one in filters]
        event: Any = record
        return not patterns or any(pattern.matches_event(event) for pattern in patterns)

    def _deliver(self, records: list[dict[str, Any]]) -> None:
        if not records:
            return
        mapping = self._mapping
        call = FunctionCall(
            function_name=mapping.function_arn.split(":")[6],
            payload=json.dumps({"Records": records}).encode(),
            request_id=str(uuid.uuid4()),
            asynchronous=True,
        )
        retries = -1 if mapping.max_retry_attempts is None else mapping.max_retry_attempts
        attempt = 0
        while failure := failure_of(self._invoke, call):
            if attempt == retries:
                _LOG.error("%s failed, %d stream records are dropped: %s", call.function_name, len(records), failure)
                return
            _LOG.warning("%s failed, its batch is tried again: %s", call.function_name, failure)
            if self._stopping.wait(min(2.0**attempt / 2, _LONGEST_DELAY)):
                return
            attempt += 1


def _event_record(record: Any, mapping: Any) -> dict[str, Any]:
    """The record as Lambda hands it to a function."""
    document: dict[str, Any] = dict(record.to_json())
    change = dict(document["dynamodb"])
    change["ApproximateCreationDateTime"] = int(unix_time(change["ApproximateCreationDateTime"]))
    return {
        **document,
        "eventVersion": "1.1",
        "awsRegion": mapping.region,
        "dynamodb": change,
        "eventSourceARN": mapping.event_source_arn,
    }


def install(patches: Patches) -> None:
    """Stop moto's own delivery; what was written is published by the writes' undo (dynamodb_locks.py)."""
    patches.replace(StreamShard, "add", lambda *_: None)
