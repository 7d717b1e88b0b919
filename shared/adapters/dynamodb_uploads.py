"""The uploads table and the audit table: an upload's state moves with its audit event, or not at all.

Uploads: `tenantId`, `uploadId` → the upload in camelCase, and beside it an item `progress#{uploadId}` with the
counters. While an upload has not ended, `movedAt` says since when it is in its state, and the index `byState` has it.
Audit: `{tenantId}#{uploadId}`, `{time}#{event}` → the event; only ever added to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pydantic.alias_generators import to_camel

from shared.adapters.aws_errors import cancellation_reasons, error_code, translated
from shared.adapters.dynamodb_items import expires_at, from_cursor, from_item, moment, to_cursor, to_item
from shared.domain.audit import AuditEvent
from shared.domain.correction import MOST_CORRECTIONS
from shared.domain.history import ALL_UPLOADS, UploadFilter
from shared.domain.upload import RESTARTS, Correction, Totals, Upload, UploadState, states_before
from shared.errors import StateConflict, TransientError, cursor_refused
from shared.services.ports import Page

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_UPLOAD_ID = re.compile(rf"{_ID}\Z")
_CHANGED_ID = re.compile(rf"(progress#)?(?P<id>{_ID})(#\d+)?")
_OF_AN_ATTEMPT = (
    "totals",
    "failure",
    "undone",
    "refused_rows_key",
    "quality_report_key",
    "import_started_at",
    "ended_at",
)
"""What is known of an attempt that has ended, and is not true of the next one."""

_FAILED = "ConditionalCheckFailed"
_BY_CREATION = ("tenantId", "createdAt", "uploadId")
"""The key of a place in the history."""

_READ_AT_ONCE = 250
_MOST_READS = 4
"""In looking for the uploads of a page."""

_COUNTERS = ("records", "imported", "duplicates", "refused", "warnings")


def changed_uploads(event: dict[str, Any]) -> set[tuple[str, str]]:
    """Tenant and id of the uploads that an event of the table's stream shows to have changed, or their counters."""
    keys = (from_item(record["dynamodb"]["Keys"]) for record in event["Records"])
    found = ((key["tenantId"], _CHANGED_ID.fullmatch(key["uploadId"])) for key in keys)
    return {(tenant_id, match["id"]) for tenant_id, match in found if match}


class DynamoUploads:
    """The port `Uploads`; `retention_days` sets when uploads and their audit expire.

    For a page of a filtered history, four times `read_at_once` uploads at most are looked at.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        uploads_table: str,
        audit_table: str,
        retention_days: int,
        read_at_once: int = _READ_AT_ONCE,
    ) -> None:
        self._client = client
        self._table = uploads_table
        self._audit_table = audit_table
        self._days = retention_days
        self._read_at_once = read_at_once

    def create(self, upload: Upload, event: AuditEvent) -> bool:
        """Store a new upload and its first audit event together; False when the id is taken already."""
        return self._write_with_audit({"Put": self._new(upload)}, upload, event)

    def create_correction(self, upload: Upload, event: AuditEvent, corrected: Upload, noted: AuditEvent) -> bool:
        """Store a new upload, and note it at the one that it corrects: in one transaction, so once."""
        note = {
            "TableName": self._table,
            "Key": self._key(corrected.upload_id, corrected),
            **_noting(upload, corrected),
        }
        reasons = self._transact(
            {"Put": self._new(upload)},
            {"Update": note},
            {"Put": self._audit_put(upload.tenant_id, upload.upload_id, event)},
            {"Put": self._audit_put(corrected.tenant_id, corrected.upload_id, noted)},
            may_fail=2,
        )
        if reasons and reasons[0] != _FAILED:
            raise StateConflict(f"upload {corrected.upload_id} is not as it was, or has enough corrections")
        return not reasons

    def get(self, tenant_id: str, upload_id: str) -> Upload | None:
        """The upload as it is now; None when the tenant has none of this id."""
        if not _UPLOAD_ID.match(upload_id):
            return None
        with translated("The status table"):
            key = to_item({"tenantId": tenant_id, "uploadId": upload_id})
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _upload(answer["Item"]) if "Item" in answer else None

    def several(self, tenant_id: str, upload_ids: Sequence[str]) -> list[Upload]:
        """Up to a hundred uploads as they are now; what DynamoDB leaves for another call is asked for again."""
        keys = [to_item({"tenantId": tenant_id, "uploadId": upload_id}) for upload_id in upload_ids]
        found: dict[str, Upload] = {}
        while keys:
            with translated("The status table"):
                answer = self._client.batch_get_item(RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}})
            items = answer["Responses"].get(self._table, [])
            keys = answer["UnprocessedKeys"].get(self._table, {"Keys": []})["Keys"]
            if keys and not items:
                raise TransientError("The status table gives nothing at the moment")
            found |= {upload.upload_id: upload for upload in map(_upload, items)}
        return [found[upload_id] for upload_id in upload_ids if upload_id in found]

    def move(self, upload: Upload, to: UploadState, event: AuditEvent, **changes: object) -> Upload:
        """Move an upload, change fields, add the audit event; a repeated move changes nothing."""
        changed = upload.model_copy(update={"state": to, **changes})
        values = changed.model_dump(mode="json", by_alias=True, include={"state", *changes}, exclude_none=True)
        before = states_before(to, next_attempt=changed.attempt != upload.attempt)
        update = {
            "TableName": self._table,
            "Key": self._key(upload.upload_id, upload),
            **_setting(values | ({} if to.ended else {"movedAt": moment(event.at)}), before, upload.attempt),
        }
        if to.ended:
            update["UpdateExpression"] += " REMOVE movedAt"
        if before and self._write_with_audit({"Update": update}, upload, event):
            return changed
        present = self.get(upload.tenant_id, upload.upload_id)
        if present is None or (present.state, present.attempt) != (to, changed.attempt):
            found = f"{present.state.value} (attempt {present.attempt})" if present else "gone"
            raise StateConflict(f"upload {upload.upload_id} is {found}, from where nothing leads to {to.value}")
        return present

    def restart(self, upload: Upload, event: AuditEvent, **changes: object) -> Upload:
        """Put an upload that has ended or is reviewed into the queue's state, as the next attempt: once for one."""
        again = upload.model_copy(
            update={
                "state": UploadState.QUEUED,
                "attempt": upload.attempt + 1,
                "generation": upload.generation + (upload.state is UploadState.UNDONE),
                **dict.fromkeys(_OF_AN_ATTEMPT),
                **changes,
            }
        )
        changed = {"state", "attempt", "generation", *changes}
        values = again.model_dump(mode="json", by_alias=True, include=changed, exclude_none=True)
        update = {
            "TableName": self._table,
            "Key": self._key(upload.upload_id, upload),
            **_restarting(values | {"movedAt": moment(event.at)}, upload),
        }
        if upload.state not in RESTARTS or not self._write_with_audit({"Update": update}, upload, event):
            raise StateConflict(f"attempt {upload.attempt} of upload {upload.upload_id} is not one to be restarted")
        return again

    def history(
        self, tenant_id: str, limit: int, cursor: str | None, wanted: UploadFilter = ALL_UPLOADS
    ) -> Page[Upload]:
        """A page of the tenant's uploads that are wanted, newest first.

        The index has them by time; DynamoDB leaves out what it can tell, and what it cannot is left out here. A page
        that is cut ends with the place of its last upload.
        """
        first, last = _span_of(wanted)
        after = from_cursor(cursor, _BY_CREATION, tenant_id) if cursor else None
        if after and not first <= after["createdAt"]["S"] <= last:
            raise cursor_refused()
        at_once = limit if wanted == ALL_UPLOADS else self._read_at_once
        request = {"ScanIndexForward": False, "Limit": at_once, **_of_those(tenant_id, first, last, wanted)}
        found: list[tuple[dict[str, Any], Upload]] = []
        for _ in range(_MOST_READS):
            request |= {"ExclusiveStartKey": after} if after else {}
            with translated("The status table"):
                answer = self._client.query(TableName=self._table, IndexName="byCreation", **request)
            named = [item for item in answer["Items"] if wanted.has_name(item["fileName"]["S"])]
            found += [(item, upload) for item in named if wanted.has(upload := _upload(item))]
            after = answer.get("LastEvaluatedKey")
            if len(found) > limit:
                after = {name: found[limit - 1][0][name] for name in _BY_CREATION}
            if len(found) >= limit or after is None:
                break
        return Page([upload for _, upload in found[:limit]], to_cursor(after))

    def unmoved(self, state: UploadState, since: datetime, limit: int) -> list[Upload]:
        """The uploads that have been in this state since then or longer."""
        with translated("The status table"):
            answer = self._client.query(
                TableName=self._table,
                IndexName="byState",
                KeyConditionExpression="#state = :state AND movedAt <= :since",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=to_item({":state": state.value, ":since": moment(since)}),
                Limit=limit,
            )
        return [_upload(item) for item in answer["Items"]]

    def add_progress(self, upload: Upload, chunk_index: int, totals: Totals) -> None:
        """Count a chunk's records, once: the item remembers the chunks that it has counted."""
        added = {f":{name}": getattr(totals, name) for name in _COUNTERS}
        try:
            with translated("The status table"):
                self._client.update_item(
                    TableName=self._table,
                    Key=self._progress_key(upload),
                    UpdateExpression="SET expiresAt = :expires ADD chunks :chunk, "
                    + ", ".join(f"{name} :{name}" for name in _COUNTERS),
                    ConditionExpression="NOT contains(chunks, :index)",
                    ExpressionAttributeValues=to_item(
                        {
                            ":expires": expires_at(upload.created_at, self._days),
                            ":chunk": {chunk_index},
                            ":index": chunk_index,
                            **added,
                        }
                    ),
                )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise

    def progress(self, upload: Upload) -> Totals:
        """What has been counted so far."""
        with translated("The status table"):
            key = self._progress_key(upload)
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        counted = from_item({name: item[name] for name in _COUNTERS if name in item})
        return Totals.model_validate(counted)

    def note_fault(self, upload: Upload, fault: str) -> None:
        """Beside the counters."""
        with translated("The status table"):
            self._client.update_item(
                TableName=self._table,
                Key=self._key(f"progress#{upload.upload_id}", upload),
                UpdateExpression="SET expiresAt = :expires, fault = :fault",
                ExpressionAttributeValues=to_item(
                    {":expires": expires_at(upload.created_at, self._days), ":fault": fault}
                ),
            )

    def last_fault(self, upload: Upload) -> str | None:
        """What was noted beside the counters."""
        with translated("The status table"):
            key = self._key(f"progress#{upload.upload_id}", upload)
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item", {})
        return item["fault"]["S"] if "fault" in item else None

    def add(self, tenant_id: str, upload_id: str, event: AuditEvent) -> None:
        """Append an audit event that goes with no move."""
        with translated("The audit table"):
            self._client.put_item(**self._audit_put(tenant_id, upload_id, event))

    def events(self, tenant_id: str, upload_id: str, limit: int, cursor: str | None) -> Page[AuditEvent]:
        """An upload's events, oldest first."""
        items, after = self._query(
            ("uploadKey", "eventId"),
            f"{tenant_id}#{upload_id}",
            limit,
            cursor,
            TableName=self._audit_table,
            ConsistentRead=True,
        )
        return Page([AuditEvent.model_validate(from_item(item["body"]["M"])) for item in items], after)

    def _query(
        self, key: tuple[str, ...], partition: str, limit: int, cursor: str | None, **request: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of the items of a partition, and the cursor behind it; `key` names the attributes of both keys."""
        if cursor:
            request["ExclusiveStartKey"] = from_cursor(cursor, key, partition)
        with translated("The status table"):
            answer = self._client.query(
                KeyConditionExpression=f"{key[0]} = :partition",
                ExpressionAttributeValues=to_item({":partition": partition}),
                Limit=limit,
                **request,
            )
        return list(answer["Items"]), to_cursor(answer.get("LastEvaluatedKey"))

    def _key(self, sort_key: str, upload: Upload) -> dict[str, Any]:
        return to_item({"tenantId": upload.tenant_id, "uploadId": sort_key})

    def _progress_key(self, upload: Upload) -> dict[str, Any]:
        """After an undo the rows are counted from the first one on, in an item that no late count of before is in."""
        of_generation = f"#{upload.generation}" if upload.generation > 1 else ""
        return self._key(f"progress#{upload.upload_id}{of_generation}", upload)

    def _new(self, upload: Upload) -> dict[str, Any]:
        """The write of an upload whose id must not be taken."""
        item = upload.model_dump(mode="json", by_alias=True, exclude_none=True)
        item |= {"expiresAt": expires_at(upload.created_at, self._days), "movedAt": moment(upload.created_at)}
        return {
            "TableName": self._table,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(uploadId)",
        }

    def _audit_put(self, tenant_id: str, upload_id: str, event: AuditEvent) -> dict[str, Any]:
        item = {
            "uploadKey": f"{tenant_id}#{upload_id}",
            "eventId": f"{event.at.isoformat()}#{event.event.value}",
            "body": event.model_dump(mode="json", by_alias=True),
            "expiresAt": expires_at(event.at, self._days),
        }
        return {
            "TableName": self._audit_table,
            "Item": to_item(item),
            "ConditionExpression": "attribute_not_exists(eventId)",
        }

    def _write_with_audit(self, write: dict[str, Any], upload: Upload, event: AuditEvent) -> bool:
        """One transaction of a conditional write and an audit event; False when the write's condition fails."""
        reasons = self._transact(write, {"Put": self._audit_put(upload.tenant_id, upload.upload_id, event)})
        return not reasons

    def _transact(self, first: dict[str, Any], *others: dict[str, Any], may_fail: int = 1) -> list[str]:
        """All writes or none; what became of each where the condition of one of the first `may_fail` does not hold."""
        try:
            with translated("The status table"):
                self._client.transact_write_items(TransactItems=[first, *others])  # type: ignore[list-item]
        except ClientError as error:
            reasons = cancellation_reasons(error)
            if _FAILED not in reasons[:may_fail]:
                raise
            return reasons
        return []


def _setting(values: dict[str, Any], states: frozenset[UploadState], attempt: int) -> dict[str, Any]:
    """An update that sets `values` where the upload is in one of these states and at this attempt."""
    before = {f":from{i}": state.value for i, state in enumerate(sorted(states))}
    placed = {f":{name}": value for name, value in values.items()} | before | {":presentAttempt": attempt}
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ConditionExpression": f"#state IN ({', '.join(before)})"
        # Uploads from before there were attempts are at their first one.
        " AND (attribute_not_exists(#attempt) OR #attempt = :presentAttempt)",
        "ExpressionAttributeNames": {f"#{name}": name for name in values} | {"#attempt": "attempt"},
        "ExpressionAttributeValues": to_item(placed),
    }


def _restarting(values: dict[str, Any], before: Upload) -> dict[str, Any]:
    """An update that sets `values` where the upload is still as `before`, at the end of that attempt."""
    placed = {f":{name}": value for name, value in values.items()}
    found = {":before": before.state.value, ":last": before.attempt}
    gone = {f"#gone{i}": to_camel(name) for i, name in enumerate(_OF_AN_ATTEMPT)}
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values) + f" REMOVE {', '.join(gone)}",
        "ConditionExpression": "#state = :before AND #attempt = :last",
        "ExpressionAttributeNames": {f"#{name}": name for name in values} | gone,
        "ExpressionAttributeValues": to_item(placed | found),
    }


def _noting(correction: Upload, corrected: Upload) -> dict[str, Any]:
    """An update that notes a correction at an upload that is still as it is given and has not enough of them."""
    entry = Correction.model_validate(
        {name: getattr(correction, name) for name in Correction.model_fields}, by_name=True
    )
    return {
        "UpdateExpression": "SET corrections = list_append(if_not_exists(corrections, :none), :entry)",
        "ConditionExpression": "#state = :state AND (attribute_not_exists(attempt) OR attempt = :attempt)"
        " AND (attribute_not_exists(corrections) OR size(corrections) < :most)",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item(
            {
                ":none": [],
                ":entry": [entry.model_dump(mode="json", by_alias=True)],
                ":state": corrected.state.value,
                ":attempt": corrected.attempt,
                ":most": MOST_CORRECTIONS,
            }
        ),
    }


def _span_of(wanted: UploadFilter) -> tuple[str, str]:
    """The first and last `createdAt` that may be wanted, to the second: whole ones are written without a fraction."""
    since = wanted.since.isoformat(timespec="seconds").removesuffix("+00:00") if wanted.since else "0"
    until = wanted.until.isoformat(timespec="seconds").replace("+00:00", "Z") if wanted.until else "A"
    return since, until


def _of_those(tenant_id: str, first: str, last: str, wanted: UploadFilter) -> dict[str, Any]:
    """The part of a query that says what is wanted, as far as DynamoDB can tell."""
    values: dict[str, Any] = {":partition": tenant_id, ":first": first, ":last": last}
    names: dict[str, str] = {}
    conditions = []
    if states := {f":state{i}": state.value for i, state in enumerate(wanted.states)}:
        conditions.append(f"#state IN ({', '.join(states)})")
        names["#state"] = "state"
        values |= states
    if wanted.work_unit_id is not None:
        conditions.append("#options.workUnitId = :unit")
        names["#options"] = "options"
        values[":unit"] = wanted.work_unit_id
    if wanted.created_by is not None:
        conditions.append("createdBy = :creator")
        values[":creator"] = wanted.created_by
    return {
        "KeyConditionExpression": "tenantId = :partition AND createdAt BETWEEN :first AND :last",
        "ExpressionAttributeValues": to_item(values),
        **({"FilterExpression": " AND ".join(conditions)} if conditions else {}),
        **({"ExpressionAttributeNames": names} if names else {}),
    }


def _upload(item: dict[str, Any]) -> Upload:
    ours = {name: value for name, value in from_item(item).items() if name not in ("expiresAt", "movedAt")}
    return Upload.model_validate(ours)
