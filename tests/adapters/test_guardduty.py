"""GuardDuty's verdicts come by themselves: early, late, twice, of another version, forged, or never."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.dynamodb_verdicts import DynamoVerdicts
from shared.adapters.guardduty_events import object_verdict
from shared.adapters.lambda_scan_step import LambdaScanStep
from shared.adapters.lambda_step import LambdaStep
from shared.adapters.s3_objects import S3Objects
from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.upload import SourceObject, Upload, UploadState
from shared.services.scan_upload import ScanOutcome, give_up_scan, scan_upload
from shared.services.take_verdict import take_verdict
from shared.settings import Settings
from tests.contract.cloud import Cloud, wait_for

DATA = b"timestamp,machineName\n2026-03-01T06:00:00Z,Press 1\n"


def scan_result(bucket: str, source: SourceObject, status: str = "NO_THREATS_FOUND", *threats: str) -> dict[str, Any]:
    """An event as the GuardDuty user guide shows it."""
    return {
        "version": "0",
        "id": "72c7d362-737a-6dce-fc78-9e27a0171419",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "account": "111122223333",
        "time": "2026-02-28T01:01:01Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:guardduty:eu-central-1:111122223333:malware-protection-plan/b4c7f464ab3a4EXAMPLE"],
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED" if "THREATS" in status else "SKIPPED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": bucket,
                "objectKey": source.key,
                "eTag": source.etag,
                "versionId": source.version_id,
                "s3Throttled": False,
            },
            "scanResultDetails": {
                "scanResultStatus": status,
                "threats": [{"name": name} for name in threats] or None,
            },
        },
    }


class Arrival:
    """An upload whose file has come, and what happens to it."""

    def __init__(self, cloud: Cloud, uploads: DynamoUploads, queue: DynamoJobQueue, table: str, upload: Upload) -> None:
        self.bucket = cloud.bucket()
        self.uploads, self.queue, self.upload = uploads, queue, upload.model_copy(update={"file_size": len(DATA)})
        self.objects = S3Objects(cloud.s3, bucket=self.bucket)
        self.verdicts = DynamoVerdicts(cloud.dynamodb, table=table)
        self.now: datetime = upload.created_at
        self.asked: list[tuple[str, str | None]] = []
        requested = AuditEvent(at=upload.created_at, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c")
        uploads.create(self.upload, requested)
        self.source = self.put(DATA)

    def put(self, data: bytes) -> SourceObject:
        """Write a version of the object."""
        self.objects.write(self.upload.object_key, data, "text/csv")
        stored = self.objects.describe(self.upload.object_key, None)
        assert stored
        return stored

    def scan(self) -> ScanOutcome:
        """As S3's event has it done."""
        self.now += timedelta(seconds=1)
        return scan_upload(
            self.source.key,
            self.source.version_id,
            uploads=self.uploads,
            audit=self.uploads,
            objects=self.objects,
            queue=self.queue,
            scanner=self.verdicts,
            settings=Settings(),
            clock=lambda: self.now,
        )

    def tell(self, event: dict[str, Any]) -> bool:
        """As EventBridge has it done."""
        return take_verdict(
            object_verdict(event, self.bucket),
            uploads=self.uploads,
            verdicts=self.verdicts,
            scan_step=self,
            clock=lambda: self.now,
        )

    def take(self, key: str, version_id: str | None) -> None:
        """The port `ScanStep`: remembered."""
        self.asked.append((key, version_id))

    def after(self) -> Upload:
        """The upload as it is now."""
        upload = self.uploads.get(self.upload.tenant_id, self.upload.upload_id)
        assert upload
        return upload


@pytest.fixture
def arrival(
    cloud: Cloud, uploads: DynamoUploads, queue: DynamoJobQueue, table: Callable[..., str], upload: Upload
) -> Arrival:
    """One upload and its file."""
    return Arrival(cloud, uploads, queue, table("objectKey", "versionId"), upload)


def test_a_file_waits_for_its_verdict(arrival: Arrival) -> None:
    """Until then it is pinned and not queued; then the scan is asked for again, and says who looked."""
    assert arrival.scan() is ScanOutcome.WAITING
    assert arrival.after().state is UploadState.SCANNING
    assert arrival.queue.waiting() == []
    assert arrival.tell(scan_result(arrival.bucket, arrival.source))
    assert arrival.asked == [(arrival.source.key, arrival.source.version_id)]
    assert arrival.scan() is ScanOutcome.ACCEPTED
    after = arrival.after()
    assert (after.state, after.source) == (UploadState.QUEUED, arrival.source)
    assert after.malware_scan
    assert after.malware_scan.engine.startswith("GuardDuty")


def test_a_verdict_before_s3s_event_is_not_lost(arrival: Arrival) -> None:
    """Nobody says which of the two comes first."""
    assert arrival.tell(scan_result(arrival.bucket, arrival.source))
    assert arrival.scan() is ScanOutcome.ACCEPTED


@pytest.mark.parametrize(
    ("status", "threats", "code"),
    [
        ("THREATS_FOUND", ["EICAR-Test-File (not a virus)"], "file_infected"),
        ("THREATS_FOUND", [], "file_infected"),
        ("UNSUPPORTED", [], "file_scan_failed"),
        ("ACCESS_DENIED", [], "file_scan_failed"),
        ("FAILED", [], "file_scan_failed"),
        ("A_STATUS_OF_THE_FUTURE", [], "file_scan_failed"),
        ("NO_THREATS_FOUND", ["Odd"], "file_scan_failed"),
    ],
)
def test_only_a_plain_clean_goes_on(arrival: Arrival, status: str, threats: list[str], code: str) -> None:
    """Everything else is put away."""
    arrival.scan()
    arrival.tell(scan_result(arrival.bucket, arrival.source, status, *threats))
    assert arrival.scan() is ScanOutcome.REJECTED
    after = arrival.after()
    assert after.failure
    assert (after.state, after.failure.code) == (UploadState.FAILED, code)
    assert list(arrival.objects.keys("")) == [object_keys.quarantine(arrival.source.key)]


def test_the_verdict_on_another_version_says_nothing(arrival: Arrival) -> None:
    """A clean file put in the place of the pinned one is scanned, and found clean; the pinned one still waits."""
    arrival.scan()
    other = arrival.put(DATA.replace(b"Press", b"Other"))
    arrival.tell(scan_result(arrival.bucket, other))
    assert arrival.scan() is ScanOutcome.WAITING
    forged = arrival.source.model_copy(update={"etag": other.etag})
    arrival.tell(scan_result(arrival.bucket, forged))
    assert arrival.scan() is ScanOutcome.REJECTED


def test_the_same_verdict_twice_queues_once(arrival: Arrival) -> None:
    """EventBridge delivers at least once, and the first stands."""
    arrival.scan()
    for _ in range(2):
        arrival.tell(scan_result(arrival.bucket, arrival.source))
    assert [arrival.scan(), arrival.scan()] == [ScanOutcome.ACCEPTED, ScanOutcome.IGNORED]
    assert [job.job_id for job in arrival.queue.waiting()] == [arrival.upload.upload_id]


def test_a_threat_stands_against_a_clean_verdict(arrival: Arrival) -> None:
    """Whichever of the two came first."""
    results = [
        scan_result(arrival.bucket, arrival.source),
        scan_result(arrival.bucket, arrival.source, "THREATS_FOUND", "Bad"),
    ]
    for result in (*results, *reversed(results)):
        arrival.tell(result)
    verdict = arrival.verdicts.scan(arrival.source)
    assert verdict
    assert verdict.threat == "Bad"


def _of_another(event: dict[str, Any], *path: str, value: Any) -> dict[str, Any]:
    place = event
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return event


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("source",), "my.application"),
        (("detail-type",), "Object Created"),
        (("detail", "schemaVersion"), "2.0"),
        (("detail", "resourceType"), "EBS_VOLUME"),
        (("detail", "s3ObjectDetails", "bucketName"), "another-bucket"),
        (("detail", "s3ObjectDetails", "versionId"), None),
        (("detail", "s3ObjectDetails", "versionId"), ""),
        (("detail", "scanResultDetails"), {}),
        (("detail",), None),
    ],
)
def test_what_is_no_scan_result_of_ours_is_no_verdict(arrival: Arrival, path: tuple[str, ...], value: Any) -> None:
    """It fails loudly, and says nothing of any object."""
    event = _of_another(scan_result(arrival.bucket, arrival.source), *path, value=value)
    with pytest.raises(ValueError, match="scan result"):
        arrival.tell(event)
    assert arrival.verdicts.scan(arrival.source) is None


def test_a_verdict_on_nobodys_file_is_not_kept(arrival: Arrival) -> None:
    """Of a key that no upload has, and of an upload that has ended."""
    stray = arrival.source.model_copy(update={"key": "incoming/tenant-a/nothing/source.csv"})
    assert not arrival.tell(scan_result(arrival.bucket, stray))
    give_up_scan(arrival.source.key, None, uploads=arrival.uploads, objects=arrival.objects, clock=lambda: arrival.now)
    assert not arrival.tell(scan_result(arrival.bucket, arrival.source))
    assert arrival.asked == []


def test_a_verdict_that_never_comes_is_not_waited_for_for_ever(arrival: Arrival) -> None:
    """The next scan after half an hour refuses the file: it is the sweep's."""
    arrival.scan()
    arrival.now += timedelta(minutes=30)
    assert arrival.scan() is ScanOutcome.REJECTED
    after = arrival.after()
    assert after.failure
    assert after.failure.code == "file_scan_failed"


def test_a_scan_that_failed_for_the_last_time_is_given_up(arrival: Arrival) -> None:
    """The file is put away and the person told; repeated, it changes nothing, and what was decided stays."""
    ports: dict[str, Any] = {"uploads": arrival.uploads, "objects": arrival.objects, "clock": lambda: arrival.now}
    assert give_up_scan(arrival.source.key, None, **ports) is ScanOutcome.REJECTED
    after = arrival.after()
    assert after.failure
    assert (after.state, after.failure.code) == (UploadState.FAILED, "file_scan_failed")
    assert list(arrival.objects.keys("")) == [object_keys.quarantine(arrival.source.key)]
    for key in (arrival.source.key, "incoming/tenant-a/nothing/source.csv", "work/x"):
        assert give_up_scan(key, None, **ports) is ScanOutcome.IGNORED
    assert arrival.after() == after


def test_the_scan_is_asked_for_as_s3_does(cloud: Cloud) -> None:
    """With the key as S3 encodes it, and the version where there is one."""
    name = cloud.function(lambda _: None)
    step = LambdaScanStep(LambdaStep(cloud.functions, function=name), bucket="b")
    step.take("incoming/tenant a/ü/source.csv", "v1")
    [event] = wait_for(lambda: cloud.host.events_of(name))
    [record] = json.loads(json.dumps(event))["Records"]
    assert record["s3"] == {
        "bucket": {"name": "b"},
        "object": {"key": "incoming/tenant+a/%C3%BC/source.csv", "versionId": "v1"},
    }
