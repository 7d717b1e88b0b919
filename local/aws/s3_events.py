"""S3 tells of each new object once, after the answer to the uploader, with version, sequencer and size.

moto sends events in the middle of the request, before a form's metadata is stored; it sends a Put besides the
CompleteMultipartUpload of a multipart upload; and its records lack versionId and sequencer and have `%2F` where
S3 leaves the slashes of a key. Patched is what is sent and when; the matching of event names and prefixes is
moto's. Removal events are moto's too (none for delete markers).
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from typing import Any
from urllib.parse import quote_plus

from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.s3 import notifications
from moto.s3.notifications import S3NotificationEvent
from moto.s3.responses import S3Response

from local.aws.patching import Patches

_sequence = itertools.count(time.time_ns())


class _Pending(threading.local):
    """The events of the request that this thread works on; None outside of one."""

    events: list[tuple[Any, ...]] | None = None


def install(patches: Patches) -> None:
    """Patch S3's event notifications."""
    pending = _Pending()
    send_now = notifications.send_event

    def send_event(account_id: str, event_name: S3NotificationEvent, bucket: Any, key: Any) -> None:
        if event_name == S3NotificationEvent.OBJECT_CREATED_PUT_EVENT and key.multipart:
            return
        if pending.events is None:
            send_now(account_id, event_name, bucket, key)
        else:
            pending.events.append((account_id, event_name, bucket, key))

    def send_afterwards(original: Any) -> Any:
        def respond(*args: Any, **kwargs: Any) -> Any:
            if pending.events is not None:
                return original(*args, **kwargs)
            pending.events = []
            try:
                return original(*args, **kwargs)
            finally:
                events, pending.events = pending.events, None
                for event in events:
                    send_now(*event)

        return respond

    patches.replace(notifications, "send_event", send_event)
    patches.replace(notifications, "_get_s3_event", _event)
    patches.wrap(S3Response, "key_response", send_afterwards)
    patches.wrap(S3Response, "bucket_response", send_afterwards)


def _event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
    stored = {"key": quote_plus(key.name, safe="/"), "sequencer": f"{next(_sequence):016X}"}
    if event_name.startswith("s3:ObjectCreated"):
        stored |= {"size": key.size, "eTag": key.etag.strip('"')}
    if bucket.is_versioned:
        stored["versionId"] = key.version_id
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region_name,
        "eventTime": iso_8601_datetime_with_milliseconds(),
        "eventName": event_name.removeprefix("s3:"),
        "userIdentity": {"principalId": "AWS:local"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": uuid.uuid4().hex},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": notification_id,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": "local"}, "arn": bucket.arn},
            "object": stored,
        },
    }
    return {"Records": [record]}
