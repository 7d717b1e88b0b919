"""GuardDuty Malware Protection for S3 tells by EventBridge what it found in an object.

The event's form is that of the GuardDuty user guide, “Monitoring S3 object scans with Amazon EventBridge”: detail-type
`GuardDuty Malware Protection Object Scan Result`, schemaVersion 1.0. The same one may come more than once.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.domain.upload import MalwareScan
from shared.domain.verdict import ObjectVerdict, Verdict

DETAIL_TYPE = "GuardDuty Malware Protection Object Scan Result"
SOURCE = "aws.guardduty"
"""Who tells. EventBridge lets nobody but AWS send events of a source that begins with `aws.`."""

_ENGINE = MalwareScan(engine="GuardDuty Malware Protection for S3", managed=True)
_CLEAN = "NO_THREATS_FOUND"
_INFECTED = "THREATS_FOUND"
_MOST_THREATS = 5


class _Told(BaseModel, alias_generator=to_camel):
    """Reads what we need; the guide adds to the event from time to time."""


class _S3Object(_Told):
    bucket_name: str
    object_key: str
    e_tag: str
    version_id: Annotated[str, Field(min_length=1)]


class _Threat(_Told):
    name: str


class _Result(_Told):
    scan_result_status: str
    threats: list[_Threat] | None = None


class _Detail(_Told):
    schema_version: Literal["1.0"]
    resource_type: Literal["S3_OBJECT"]
    s3_object_details: Annotated[_S3Object, Field(alias="s3ObjectDetails")]
    scan_result_details: _Result


class _Event(BaseModel):
    detail_type: Annotated[Literal["GuardDuty Malware Protection Object Scan Result"], Field(alias="detail-type")]
    source: Literal["aws.guardduty"]
    detail: _Detail


def object_verdict(event: dict[str, Any], bucket: str) -> ObjectVerdict:
    """The verdict in an event, of an object of `bucket`. Raises ValueError for any other event.

    Only `NO_THREATS_FOUND` is clean; `UNSUPPORTED`, `ACCESS_DENIED`, `FAILED` and what there may be one day are not.
    """
    try:
        detail = _Event.model_validate(event).detail
    except ValidationError as error:
        raise ValueError(f"no scan result of GuardDuty: {error}") from error
    scanned = detail.s3_object_details
    if scanned.bucket_name != bucket:
        raise ValueError(f"a scan result of the bucket {scanned.bucket_name!r}, and not of ours")
    return ObjectVerdict(
        key=scanned.object_key,
        version_id=scanned.version_id,
        etag=scanned.e_tag.strip('"'),
        verdict=_verdict(detail.scan_result_details),
    )


def _verdict(result: _Result) -> Verdict:
    if result.scan_result_status == _INFECTED:
        names = [threat.name for threat in result.threats or []][:_MOST_THREATS]
        return Verdict(scan=_ENGINE, threat=", ".join(names) or "a threat without a name")
    if result.scan_result_status == _CLEAN and not result.threats:
        return Verdict(scan=_ENGINE)
    return Verdict(scan=_ENGINE, unscanned=f"GuardDuty says {result.scan_result_status[:100]}")
