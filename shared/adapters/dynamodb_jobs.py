"""The jobs table: the queue, the slots of the jobs that run, and the dead letters.

A job's `queueState` is `waiting`, `running`, `delayed` or `dead`, and absent once it has ended; the index `byQueue`
lists each of these in the order of `queueOrder`: those that wait by tenant and urgency, so that a tenant's next job is
one short query; those that are delayed by when they are due; the dead by when they died.

Two items are no jobs. `#slots` holds the ids of the running jobs as a set, the tenants served in the present round,
and a count of the turns. A job takes a slot by one transaction over that item and its own, so a slot always belongs to
a job that knows it. `#tenants` has an attribute for each tenant that may have waiting jobs, with the time of its last
one: outside of any transaction, for a thousand files at once must not stand in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import cancellation_reasons, error_code, translated
from shared.adapters.dynamodb_items import expires_at, from_item, moment, to_item
from shared.domain.fair_queue import Round
from shared.domain.job import Job
from shared.errors import TransientError
from shared.services.ports import Claim, JobPlace, Slots

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SLOTS = to_item({"jobId": "#slots"})
_TENANTS = to_item({"jobId": "#tenants"})
_TENANT = "tenant "
"""Before a tenant's name, for it to be the name of an attribute like no other."""

_QUERIES_AT_ONCE = 8  # fewer than the connections of a client
_PAGE = 1000
_FAILED = "ConditionalCheckFailed"


def queued_jobs(event: dict[str, Any]) -> list[Job]:
    """The jobs that an event of the table's stream (new images) shows to wait; none in any other event."""
    images = [record["dynamodb"].get("NewImage", {}) for record in event.get("Records", [])]
    return [_job(image) for image in images if image.get("queueState") == {"S": "waiting"}]


def _job(item: dict[str, Any]) -> Job:
    return Job.model_validate(from_item(item["body"]["M"]))


def _waiting_order(job: Job) -> str:
    since, job_id = job.urgency
    return f"{job.tenant_id}#{moment(since)}#{job_id}"


class DynamoJobQueue:
    """The port `JobQueue`."""

    def __init__(self, client: DynamoDBClient, *, table: str, retention_days: int) -> None:
        self._client = client
        self._table = table
        self._days = retention_days

    def enqueue(self, job: Job) -> None:
        """Put a job in the queue unless it is there, or this attempt of it was.

        Its tenant first: one that has no job does no harm, and a job whose tenant is not known would not be found.
        """
        self.add_tenant(job.tenant_id)
        first = job.model_copy(update={"first_attempt": job.attempt})
        item = {
            "jobId": job.job_id,
            "body": first.model_dump(mode="json", by_alias=True),
            "queueState": "waiting",
            "queueOrder": _waiting_order(job),
            "expiresAt": expires_at(job.created_at, self._days),
        }
        self._write_if(
            self._client.put_item,
            Item=to_item(item),
            ConditionExpression="attribute_not_exists(jobId) OR ((attribute_not_exists(queueState)"
            " OR queueState = :dead) AND body.attempt < :attempt)",
            ExpressionAttributeValues=to_item({":dead": "dead", ":attempt": job.attempt}),
        )

    def get(self, job_id: str) -> tuple[Job, JobPlace] | None:
        """A job and where it is now."""
        item = self._get(to_item({"jobId": job_id}))
        if "body" not in item:
            return None
        return _job(item), JobPlace(item["queueState"]["S"]) if "queueState" in item else JobPlace.ENDED

    def waiting(self) -> list[Job]:
        """All that wait."""
        return self._list("waiting", None)

    def running(self) -> list[Job]:
        """The jobs that hold a slot."""
        return self._list("running", None)

    def tenants(self) -> dict[str, datetime]:
        """The tenants that may have waiting jobs, and when each had its last one."""
        times = {name: at for name, at in from_item(self._get(_TENANTS)).items() if name.startswith(_TENANT)}
        return {name.removeprefix(_TENANT): datetime.fromisoformat(at) for name, at in times.items()}

    def add_tenant(self, tenant_id: str) -> None:
        """Write the present time down for a tenant."""
        with translated("The queue"):
            self._client.update_item(
                TableName=self._table,
                Key=_TENANTS,
                UpdateExpression="SET #tenant = :now",
                ExpressionAttributeNames={"#tenant": _TENANT + tenant_id},
                ExpressionAttributeValues=to_item({":now": moment(datetime.now(UTC))}),
            )

    def forget_tenant(self, tenant_id: str, last_job_at: datetime) -> None:
        """Remove a tenant that has had no job since."""
        self._write_if(
            self._client.update_item,
            Key=_TENANTS,
            UpdateExpression="REMOVE #tenant",
            ConditionExpression="#tenant = :last",
            ExpressionAttributeNames={"#tenant": _TENANT + tenant_id},
            ExpressionAttributeValues=to_item({":last": moment(last_job_at)}),
        )

    def heads(self, tenant_ids: Iterable[str], limit: int) -> list[Job]:
        """The most urgent waiting jobs of each tenant, by a query each, some of them at a time."""
        with ThreadPoolExecutor(_QUERIES_AT_ONCE) as pool:
            found = pool.map(lambda tenant_id: self._list("waiting", limit, prefix=f"{tenant_id}#"), tenant_ids)
            return [job for jobs in found for job in jobs]

    def slots(self) -> Slots:
        """The slots as they are now."""
        item = from_item(self._get(_SLOTS))
        return Slots(len(item.get("holders", ())), Round(frozenset(item.get("served", ()))), item.get("turn", 0))

    def claim(self, job: Job, seen: Slots) -> Claim:
        """Take a slot for a waiting job: both items change, or neither, and of two dispatchers at once one does it."""
        take_slot = {
            "TableName": self._table,
            "Key": _SLOTS,
            "UpdateExpression": "SET served = :served, turn = :next ADD holders :job",
            "ConditionExpression": "(attribute_not_exists(turn) AND :turn = :none) OR turn = :turn",
            "ExpressionAttributeValues": to_item(
                {
                    ":served": set(seen.round.after(job).served),
                    ":turn": seen.turn,
                    ":next": seen.turn + 1,
                    ":none": 0,
                    ":job": {job.job_id},
                }
            ),
        }
        run_job = self._change(job, "waiting", "SET queueState = :to", {":to": "running"})
        try:
            reasons = self._transact([{"Update": take_slot}, {"Update": run_job}])
        except TransientError:
            return Claim.OVERTAKEN
        if not reasons:
            return Claim.CLAIMED
        return Claim.TAKEN if reasons[1] == _FAILED else Claim.OVERTAKEN

    def release(self, job_id: str, attempt: int) -> None:
        """End a job and free its slot; one that was released before, or is at another attempt, is left alone."""
        end_job = {
            "TableName": self._table,
            "Key": to_item({"jobId": job_id}),
            "UpdateExpression": "SET ended = :yes REMOVE queueState, queueOrder",
            "ConditionExpression": "attribute_exists(queueState) AND body.attempt = :attempt",
            "ExpressionAttributeValues": to_item({":yes": True, ":attempt": attempt}),
        }
        self._transact([self._free_slot(job_id), {"Update": end_job}])

    def delay(self, job: Job, due: datetime, error: str) -> None:
        """Free the slot of a running attempt and let the next one wait: all of it, or nothing."""
        changes = "SET queueState = :to, queueOrder = :due, body.attempt = :next, lastError = :error"
        values = {":to": "delayed", ":due": moment(due), ":next": job.attempt + 1, ":error": error}
        delay_job = self._change(job, "running", changes, values)
        self._transact([self._free_slot(job.job_id), {"Update": delay_job}])

    def delayed(self, until: datetime) -> list[Job]:
        """The jobs that were due by then."""
        return self._list("delayed", _PAGE, until=moment(until))

    def wake(self, job: Job) -> None:
        """Put a delayed job among those that wait, with the urgency that it had: it has waited all the time."""
        self.add_tenant(job.tenant_id)
        changes, values = "SET queueState = :to, queueOrder = :order", {":to": "waiting", ":order": _waiting_order(job)}
        self._write_if(self._client.update_item, **self._change(job, "delayed", changes, values))

    def bury(self, job_id: str, attempt: int, error: str, at: datetime) -> None:
        """Free a job's slot and keep it among the dead; one that ended, is dead or at another attempt is left alone."""
        bury_job = {
            "TableName": self._table,
            "Key": to_item({"jobId": job_id}),
            "UpdateExpression": "SET queueState = :dead, queueOrder = :at, lastError = :error",
            "ConditionExpression": "attribute_exists(queueState) AND queueState <> :dead AND body.attempt = :attempt",
            "ExpressionAttributeValues": to_item(
                {":dead": "dead", ":at": moment(at), ":error": error, ":attempt": attempt}
            ),
        }
        self._transact([self._free_slot(job_id), {"Update": bury_job}])

    def dead(self) -> list[Job]:
        """The jobs that died, the oldest first."""
        return self._list("dead", _PAGE)

    def _change(self, job: Job, present: str, changes: str, values: dict[str, Any]) -> dict[str, Any]:
        """A change of a job's item, if it is still in this state and at this attempt."""
        return {
            "TableName": self._table,
            "Key": to_item({"jobId": job.job_id}),
            "UpdateExpression": changes,
            "ConditionExpression": "queueState = :present AND body.attempt = :attempt",
            "ExpressionAttributeValues": to_item({**values, ":present": present, ":attempt": job.attempt}),
        }

    def _free_slot(self, job_id: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": _SLOTS,
                "UpdateExpression": "DELETE holders :job",
                "ExpressionAttributeValues": to_item({":job": {job_id}}),
            }
        }

    def _get(self, key: dict[str, Any]) -> dict[str, Any]:
        with translated("The queue"):
            return dict(self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {}))

    def _list(
        self, queue_state: str, limit: int | None, *, prefix: str | None = None, until: str | None = None
    ) -> list[Job]:
        """The jobs of a state in order: those whose order begins with `prefix`, or is not behind `until`."""
        condition, values = "queueState = :state", {":state": queue_state}
        if prefix is not None:
            condition, values = f"{condition} AND begins_with(queueOrder, :order)", {**values, ":order": prefix}
        elif until is not None:
            condition, values = f"{condition} AND queueOrder <= :order", {**values, ":order": until}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="byQueue",
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_item(values),
            PaginationConfig={"MaxItems": limit} if limit else {},
        )
        with translated("The queue"):
            return [_job(item) for page in pages for item in page["Items"]]

    def _write_if(self, write: Any, **request: Any) -> None:
        """Write one item where its condition holds, and leave it alone where not."""
        try:
            with translated("The queue"):
                partial(write, **{"TableName": self._table, **request})()
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def _transact(self, writes: list[dict[str, Any]]) -> list[str]:
        """Write all or nothing; the reasons, one for each write, when a condition failed, and none when all is done."""
        try:
            with translated("The queue"):
                self._client.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except ClientError as error:
            reasons = cancellation_reasons(error)
            if _FAILED not in reasons:
                raise
            return reasons
        return []
