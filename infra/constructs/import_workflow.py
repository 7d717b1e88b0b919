"""The state machine: Plan → LoadChunks (one `load_chunk` for each chunk) → Finish; any failure → Fail."""

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

NEVER_RETRIED = ["UploadRejected", "StateConflict", "AccountingError"]
"""Classes of `shared.errors` whose cause another attempt cannot change."""

PASSING = [
    "TransientError",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
]
"""What goes away by itself: a database that fails over takes a minute or two, and so do Lambda's own limits.

`OutOfTime` is not among them: a chunk that is too much for its function fails after five more attempts, as bugs do."""

_CONCURRENT_CHUNKS = 8
_TIMEOUT = Duration.hours(6)
_TASK_MARGIN_SECONDS = 15
"""A task may take longer than its function's timeout by a cold start."""

_UPLOAD = {
    "tenantId": sfn.JsonPath.string_at("$.tenantId"),
    "uploadId": sfn.JsonPath.string_at("$.uploadId"),
    "correlationId": sfn.JsonPath.string_at("$.correlationId"),
}


class ImportWorkflow(Construct):
    """Imports one upload. Input: `{"tenantId", "uploadId", "correlationId"}`; the execution bears the upload's id."""

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
                "bucket": sfn.JsonPath.string_at("$.Payload.bucket"),
                "chunksKey": sfn.JsonPath.string_at("$.Payload.chunksKey"),
            },
            result_path="$.plan",
        )
        load = self._load_chunks(bucket)
        finish = self._task("Finish", "finish_import", result_path=sfn.JsonPath.DISCARD)
        fail = self._task(
            "Fail",
            "fail_import",
            payload={**_UPLOAD, "error": sfn.JsonPath.object_at("$.error")},
            result_selector={"error": sfn.JsonPath.string_at("$.Payload.error")},
            result_path="$.failure",
        ).next(sfn.Fail(self, "ImportFailed", error_path="$.failure.error", cause_path="$.error.Cause"))
        for state in (plan, load, finish):
            state.add_catch(fail, errors=["States.ALL"], result_path="$.error")
        return plan.next(load).next(finish)

    def _load_chunks(self, bucket: s3.IBucket) -> sfn.DistributedMap:
        """Standard child executions: an express one may run for 5 minutes only, retries included."""
        each = sfn.DistributedMap(
            self,
            "LoadChunks",
            label="LoadChunks",
            map_execution_type=sfn.StateMachineType.STANDARD,
            max_concurrency=_CONCURRENT_CHUNKS,
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
        result_selector: dict[str, str] | None = None,
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
        for errors, attempts in ((PASSING, 10), (["States.TaskFailed", "States.Timeout"], 5)):
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
    """The list of chunks, and leave to read the plans alone where CDK would give leave to read every object."""

    def __init__(self, bucket: s3.IBucket, key_path: str) -> None:
        super().__init__(bucket=bucket, key=sfn.JsonPath.string_at(key_path))
        self._plans = bucket.arn_for_objects("work/*")

    def provide_policy_statements(self) -> list[iam.PolicyStatement]:
        """What the state machine's role gets."""
        return [iam.PolicyStatement(actions=["s3:GetObject"], resources=[self._plans])]
