"""The jobs table: the queue, and the slots of the jobs that run.

A job waits with `queueState` = `waiting` and runs with `running`; the index `byQueue` lists both in order.
One item, `#slots`, holds the ids of the running jobs as a set. A job takes a slot by one transaction over the
two items, so a slot always belongs to a job that knows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import cancellation_reasons, error_code, translated
from shared.adapters.dynamodb_items import expires_at, from_item, to_item
from shared.domain.job import Job
from shared.services.ports import Claim

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SLOTS = to_item({"jobId": "#slots"})


def queued_jobs(event: dict[str, Any]) -> list[Job]:
    """The jobs that an event of the table's stream (new images) shows to wait; none in any other event."""
    images = [record["dynamodb"].get("NewImage", {}) for record in event.get("Records", [])]
    return [_job(image) for image in images if image.get("queueState") == {"S": "waiting"}]


def _job(item: dict[str, Any]) -> Job:
    return Job.model_validate(from_item(item["body"]["M"]))


class DynamoJobQueue:
    """The port `JobQueue`."""

    def __init__(self, client: DynamoDBClient, *, table: str, retention_days: int) -> None:
        self._client = client
        self._table = table
        self._days = retention_days

    def enqueue(self, job: Job) -> None:
        """Put a job in the queue; one whose attempt was there before is left alone."""
        item = {
            "jobId": job.job_id,
            "attempt": job.attempt,
            "body": job.model_dump(mode="json", by_alias=True),
            "queueState": "waiting",
            "queueOrder": job.queue_order,
            "expiresAt": expires_at(job.created_at, self._days),
        }
        try:
            with translated("The queue"):
                self._client.put_item(
                    TableName=self._table,
                    Item=to_item(item),
                    ConditionExpression="attribute_not_exists(jobId) OR attribute_exists(ended) AND attempt < :attempt",
                    ExpressionAttributeValues=to_item({":attempt": job.attempt}),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def waiting(self, limit: int) -> list[Job]:
        """The next jobs, the most urgent first."""
        return self._list("waiting", limit)

    def running(self) -> list[Job]:
        """The jobs that hold a slot."""
        return self._list("running", 1000)

    def claim(self, job: Job, slots: int) -> Claim:
        """Take a slot for a waiting job: both items change, or neither."""
        take_slot = {
            "TableName": self._table,
            "Key": _SLOTS,
            "UpdateExpression": "ADD holders :job",
            "ConditionExpression": "attribute_not_exists(holders) OR size(holders) < :slots",
            "ExpressionAttributeValues": to_item({":job": {job.job_id}, ":slots": slots}),
        }
        run_job = {
            "TableName": self._table,
            "Key": to_item({"jobId": job.job_id}),
            "UpdateExpression": "SET queueState = :running",
            "ConditionExpression": "queueState = :waiting",
            "ExpressionAttributeValues": to_item({":running": "running", ":waiting": "waiting"}),
        }
        reasons = self._transact([{"Update": take_slot}, {"Update": run_job}])
        if not reasons:
            return Claim.CLAIMED
        return Claim.TAKEN if reasons[1] == "ConditionalCheckFailed" else Claim.FULL

    def release(self, job_id: str) -> None:
        """End a job and free its slot; a job that was released before is left alone."""
        free_slot = {
            "TableName": self._table,
            "Key": _SLOTS,
            "UpdateExpression": "DELETE holders :job",
            "ExpressionAttributeValues": to_item({":job": {job_id}}),
        }
        end_job = {
            "TableName": self._table,
            "Key": to_item({"jobId": job_id}),
            "UpdateExpression": "SET ended = :yes REMOVE queueState, queueOrder",
            "ConditionExpression": "attribute_exists(queueState)",
            "ExpressionAttributeValues": to_item({":yes": True}),
        }
        self._transact([{"Update": free_slot}, {"Update": end_job}])

    def _list(self, queue_state: str, limit: int) -> list[Job]:
        with translated("The queue"):
            answer = self._client.query(
                TableName=self._table,
                IndexName="byQueue",
                KeyConditionExpression="queueState = :state",
                ExpressionAttributeValues=to_item({":state": queue_state}),
                Limit=limit,
            )
        return [_job(item) for item in answer["Items"]]

    def _transact(self, writes: list[dict[str, Any]]) -> list[str]:
        """Write all or nothing; the reasons, one for each write, when a condition failed, and none when all is done."""
        try:
            with translated("The queue"):
                self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except ClientError as error:
            reasons = cancellation_reasons(error)
            if "ConditionalCheckFailed" not in reasons:
                raise
            return reasons
        return []
