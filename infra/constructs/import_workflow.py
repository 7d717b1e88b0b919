"""The state machine: Plan → LoadFewChunks or LoadChunks (one `load_chunk` for each chunk) → Finish; any failure → Fail.

Where a person is to look at a preview first, Plan is the end: what they confirm is the next attempt's to import.

A few chunks are loaded within the execution itself, which starts at once, costs one transition a chunk and shows every
attempt in one history. Many would fill that history (25,000 events) and its state (256 KB), so each gets an execution
of its own; docs/capacity.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.constructs.functions import Functions
from infra.manifest import FunctionSpec
from shared.services.failures import PASSING

NEVER_RETRIED = ["UploadRejected", "StateConflict", "AccountingError"]
"""Classes of `shared.errors` whose cause another attempt cannot change."""

CONCURRENT_CHUNKS = 8
"""Of one import. Each holds a connection to the database while it loads; so many keep up with its processors."""

_TIMEOUT = Duration.hours(6)
_TASK_MARGIN_SECONDS = 15
"""A task may take longer than its function's timeout by a cold start."""

_UPLOAD = {
    "tenantId": sfn.JsonPath.string_at("$.tenantId"),
    "uploadId": sfn.JsonPath.string_at("$.uploadId"),
    "correlationId": sfn.JsonPath.string_at("$.correlationId"),
    "attempt": sfn.JsonPath.number_at("$.attempt"),
}


class ImportWorkflow(Construct):
    """Makes one attempt to import an upload, and is named after both.

    Input: `{"tenantId", "uploadId", "correlationId", "attempt"}`. An attempt that fails by what passes ends as failed,
    and its job is given another one when it is due.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        manifest: Mapping[str, FunctionSpec],
        functions: Functions,
        bucket: s3.IBucket,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, construct_id)
        self._manifest = manifest
        self._functions = functions
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            # Under this prefix Step Functions needs no statement of its own in the account's log policy.
            log_group_name=f"/aws/vendedlogs/states/{Stack.of(self).stack_name}-import",
            retention=log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_chainable(self._definition(bucket)),
            timeout=_TIMEOUT,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=self.log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
        )

    def _definition(self, bucket: s3.IBucket) -> sfn.IChainable:
        plan = self._task(
            "Plan",
            "plan_import",
            result_selector={
                "review": sfn.JsonPath.object_at("$.Payload.review"),
                "bucket": sfn.JsonPath.string_at("$.Payload.bucket"),
                "chunksKey": sfn.JsonPath.string_at("$.Payload.chunksKey"),
                "fewChunks": sfn.JsonPath.object_at("$.Payload.fewChunks"),
            },
            result_path="$.plan",
        )
        few, many = self._load_few_chunks(), self._load_chunks(bucket)
        finish = self._task("Finish", "finish_import", result_path=sfn.JsonPath.DISCARD)
        fail = self._task(
            "Fail",
            "fail_import",
            payload={**_UPLOAD, "error": sfn.JsonPath.object_at("$.error")},
            result_selector={"error": sfn.JsonPath.string_at("$.Payload.error")},
            result_path="$.failure",
        ).next(sfn.Fail(self, "ImportFailed", error_path="$.failure.error", cause_path="$.error.Cause"))
        for state in (plan, few, many, finish):
            state.add_catch(fail, errors=["States.ALL"], result_path="$.error")
        to_review = sfn.Condition.boolean_equals("$.plan.review", True)
        has_few = sfn.Condition.is_present("$.plan.fewChunks[0]")
        what_is_next = sfn.Choice(self, "WhatIsNext").when(to_review, sfn.Succeed(self, "WaitForReview"))
        return plan.next(what_is_next.when(has_few, few.next(finish)).otherwise(many.next(finish)))

    def _load_few_chunks(self) -> sfn.Map:
        each = sfn.Map(
            self,
            "LoadFewChunks",
            max_concurrency=CONCURRENT_CHUNKS,
            items_path="$.plan.fewChunks",
            item_selector={**_UPLOAD, "chunk": sfn.JsonPath.object_at("$$.Map.Item.Value")},
            result_path=sfn.JsonPath.DISCARD,
        )
        return each.item_processor(
            self._task("LoadOneOfFew", "load_chunk", payload=None, output_path=sfn.JsonPath.DISCARD)
        )

    def _load_chunks(self, bucket: s3.IBucket) -> sfn.DistributedMap:
        """Standard child executions: an express one may run for 5 minutes only, retries included."""
        each = sfn.DistributedMap(
            self,
            "LoadChunks",
            label="LoadChunks",
            map_execution_type=sfn.StateMachineType.STANDARD,
            max_concurrency=CONCURRENT_CHUNKS,
            item_reader=_ChunkList(bucket, "$.plan.chunksKey"),
            item_selector={**_UPLOAD, "chunk": sfn.JsonPath.object_at("$$.Map.Item.Value")},
            result_path=sfn.JsonPath.DISCARD,
        )
        # A child's output is `{}`: the outputs of all chunks together must stay below 256 KB.
        each.item_processor(self._task("LoadChunk", "load_chunk", payload=None, output_path=sfn.JsonPath.DISCARD))
        return each

    def _task(
        self,
        state: str,
        function: str,
        *,
        payload: Mapping[str, Any] | None = _UPLOAD,
        result_selector: dict[str, Any] | None = None,
        result_path: str | None = None,
        output_path: str | None = None,
    ) -> tasks.LambdaInvoke:
        """A Lambda task with the retries that every one has; without a payload the state's input is passed on."""
        task = tasks.LambdaInvoke(
            self,
            state,
            lambda_function=self._functions[function],
            payload=sfn.TaskInput.from_object(payload) if payload else None,
            result_selector=result_selector,
            result_path=result_path,
            output_path=output_path,
            task_timeout=sfn.Timeout.duration(
                Duration.seconds(self._manifest[function].timeout + _TASK_MARGIN_SECONDS)
            ),
            retry_on_service_exceptions=False,
        )
        task.add_retry(errors=NEVER_RETRIED, max_attempts=0)
        for errors, attempts in ((list(PASSING), 10), (["States.TaskFailed", "States.Timeout"], 5)):
            task.add_retry(
                errors=errors,
                interval=Duration.seconds(1),
                backoff_rate=2,
                max_attempts=attempts,
                max_delay=Duration.seconds(60),
                jitter_strategy=sfn.JitterType.FULL,
            )
        return task


class _ChunkList(sfn.S3JsonItemReader):
    """The list of chunks, and leave to read the chunk lists alone where CDK would give leave to read every object."""

    def __init__(self, bucket: s3.IBucket, key_path: str) -> None:
        super().__init__(bucket=bucket, key=sfn.JsonPath.string_at(key_path))
        self._chunk_lists = bucket.arn_for_objects("work/*")

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        """What the state machine's role gets."""
        return [iam.PolicyStatement(actions=["s3:GetObject"], resources=[self._chunk_lists])]
