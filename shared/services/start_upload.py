"""Start an upload: check the request, count it, record it, and sign the POST for the bytes."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, field_validator

from shared.domain import object_keys
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.file_choices import CheckedChoices
from shared.domain.identity import Identity
from shared.domain.parts import parts_of
from shared.domain.upload import Upload, UploadOptions, UploadState
from shared.errors import RequestRefused
from shared.services.ports import Allowance, Clock, Objects, Profiles, RateLimiter, SignedPost, Uploads
from shared.services.profiles import require_profiles
from shared.services.request_body import parse_body
from shared.services.start_correction import (
    completed_body,
    corrected_upload,
    create_correction,
    require_correctable,
    require_no_contradiction,
)
from shared.settings import Settings

_HOUR = 3600
FILE_ENDINGS = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz"),
    "json": (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz"),
    "excel": (".xlsx", ".xls", ".xlsb", ".ods"),
}
_MACRO_NAMES = (".xlsm", ".xltm", ".xlam")
_PACKED = ("application/gzip", "application/x-gzip")
_TYPES = {
    "csv": frozenset(
        {
            "text/csv",
            "text/plain",
            "text/tab-separated-values",
            "application/csv",
            "application/vnd.ms-excel",  # what browsers on Windows call a .csv file
            *_PACKED,
        }
    ),
    "json": frozenset(
        {"application/json", "application/x-ndjson", "application/jsonl", "text/json", "text/plain", *_PACKED}
    ),
    "excel": frozenset(
        {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel",
            "application/vnd.ms-excel.sheet.binary.macroenabled.12",
            "application/vnd.oasis.opendocument.spreadsheet",
        }
    ),
}
_UPLOAD_NAMES = uuid.UUID("5d1c1f6e-2f4e-5f0b-9d59-1c0b3f1f7a10")


class StartUpload(CheckedChoices, UploadOptions):
    """The body of the request. `file_size` is in bytes, and the upload must have exactly so many.

    With `checksum_sha256`, the file's SHA-256 in Base64, S3 takes no other bytes.
    """

    file_name: Annotated[str, Field(min_length=1, max_length=255)]
    file_size: Annotated[int, Field(ge=0)]
    mime_type: Annotated[str, Field(max_length=255, pattern=r"^[ -~]*$")] = "text/csv"

    checksum_sha256: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")] | None = None
    corrects: str | None = Field(
        default=None,
        description="Id of the upload whose refused rows this CSV file brings again, in the columns of their download. "
        "It is read as that upload was: of the options `encoding`, `delimiter`, `dryRun`, `onError`, `maxErrors`, "
        "`priority` and `preview` are its own, `workUnitId` and all others may be left out or must be the same.",
    )

    @field_validator("work_unit_id")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if name != name.strip() or not name.isprintable():
            raise ValueError("holds characters that do not show, or blanks at its ends; remove them")
        return name

    @property
    def options(self) -> UploadOptions:
        """The part of the request that is kept as the import's options."""
        return UploadOptions.model_validate({name: getattr(self, name) for name in UploadOptions.model_fields})


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """The answer: a file that is sent as a whole has a `post`. `allowance` is None when an answer is repeated."""

    upload: Upload
    post: SignedPost | None
    post_expires_at: datetime | None
    allowance: Allowance | None


def start_upload(
    body: str,
    identity: Identity,
    *,
    idempotency_key: str | None,
    correlation_id: str,
    uploads: Uploads,
    profiles: Profiles,
    limiter: RateLimiter,
    objects: Objects,
    settings: Settings,
    clock: Clock,
) -> StartedUpload:
    """Record an upload in `pending` and sign the POST that brings its bytes.

    With an `idempotency_key` the upload's id follows from tenant, user and key, so a repeated request finds
    the first one's upload: it is answered as the first was, with a fresh signature while the file is awaited,
    and costs nothing of the rate limit.

    Raises RequestRefused: 413, 415, 422, 429, and 409 for a key used again for another request; for a correction also
    404, and 409 where there is nothing to correct.
    """
    corrected = corrected_upload(body, identity, uploads)
    request = parse_body(StartUpload, completed_body(body, corrected) if corrected else body)
    if corrected:
        require_no_contradiction(request.options, corrected)
    _check_file(request, settings)
    upload = _new_upload(request, identity, idempotency_key, correlation_id, clock())
    allowance = None
    known = uploads.get(upload.tenant_id, upload.upload_id) if idempotency_key else None
    if known is None:
        if corrected:
            require_correctable(corrected)
        require_profiles(upload.tenant_id, upload.options, profiles)  # before the file is sent
        allowance = _count(identity, limiter, settings)
        upload = _in_parts(upload, objects, settings)
        if not _create(upload, corrected, uploads):
            known = uploads.get(upload.tenant_id, upload.upload_id)
    if known is not None:
        upload = _same_request(known, upload)
    if upload.state is not UploadState.AWAITING_UPLOAD or upload.parts:
        return StartedUpload(upload, None, None, allowance)
    post = objects.sign_upload(
        upload.object_key,
        content_type=upload.mime_type,
        size=upload.file_size,
        sha256=request.checksum_sha256,
        seconds=settings.upload_url_seconds,
    )
    return StartedUpload(upload, post, clock() + timedelta(seconds=settings.upload_url_seconds), allowance)


def _check_file(request: StartUpload, settings: Settings) -> None:
    names = FILE_ENDINGS[request.import_type]
    mime_type = request.mime_type.partition(";")[0].strip().lower()
    if request.file_name.lower().endswith(_MACRO_NAMES):
        raise RequestRefused(
            f"“{request.file_name}” is a workbook with macros, which are not taken. Save it as .xlsx and send that.",
            status=415,
            code="file_type_unsupported",
        )
    if not request.file_name.lower().endswith(names) or mime_type not in _TYPES[request.import_type]:
        raise RequestRefused(
            f"“{request.file_name}” ({request.mime_type or 'no type'}) is no {request.import_type.upper()} file; "
            f"send a file that ends in {', '.join(names)}.",
            status=415,
            code="file_type_unsupported",
        )
    if request.file_size > settings.max_file_size:
        raise RequestRefused(
            f"The file has {request.file_size:,} bytes; at most {settings.max_file_size:,} are taken. Split it.",
            status=413,
            code="file_too_large",
        )
    if request.file_size == 0:
        raise RequestRefused("The file is empty.", status=422, code="file_empty")


def _count(identity: Identity, limiter: RateLimiter, settings: Settings) -> Allowance:
    """Count the upload under the user, then under the tenant: nobody uses up the tenant's by what is refused anyway.

    The windows of both end at the same moments, so one counted for nothing under the user keeps nobody out longer.
    """
    tenant, user = f"tenant#{identity.tenant_id}", f"uploads#{identity.tenant_id}#{identity.user_id}"
    most = settings.api_key_upload_rate_limit if identity.key_id else settings.upload_rate_limit
    allowance = limiter.take(user, most, _HOUR)
    if not allowance.admitted:
        raise rate_limited(f"You have started {allowance.limit:,} uploads this hour", allowance)
    of_all = limiter.take(tenant, settings.tenant_upload_rate_limit, _HOUR)
    if not of_all.admitted:
        raise rate_limited(f"Together you have started {of_all.limit:,} uploads this hour", of_all)
    return allowance


def rate_limited(told: str, allowance: Allowance) -> RequestRefused:
    """The refusal of what was asked for too often; `told` says what, up to the limit."""
    return RequestRefused(
        f"{told}, which is the limit. Try again in {-(-allowance.resets_in // 60)} minutes.",
        status=429,
        code="rate_limited",
        headers={"Retry-After": str(allowance.resets_in), **rate_limit_headers(allowance)},
    )


def rate_limit_headers(allowance: Allowance) -> dict[str, str]:
    """The RateLimit headers (draft-ietf-httpapi-ratelimit-headers-06); the reset is in seconds from now."""
    return {
        "RateLimit-Limit": str(allowance.limit),
        "RateLimit-Remaining": str(allowance.remaining),
        "RateLimit-Reset": str(allowance.resets_in),
    }


def _new_upload(
    request: StartUpload, identity: Identity, idempotency_key: str | None, correlation_id: str, now: datetime
) -> Upload:
    upload_id = uuid.uuid4()
    if idempotency_key:
        name = json.dumps([identity.tenant_id, identity.user_id, idempotency_key])
        upload_id = uuid.uuid5(_UPLOAD_NAMES, name)
    digest = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
    return Upload(
        tenant_id=identity.tenant_id,
        upload_id=str(upload_id),
        created_at=now,
        created_by=identity.user_id,
        correlation_id=correlation_id,
        request_digest=digest,
        state=UploadState.AWAITING_UPLOAD,
        file_name=request.file_name,
        file_size=request.file_size,
        mime_type=request.mime_type,
        object_key=object_keys.incoming(identity.tenant_id, str(upload_id), request.import_type),
        options=request.options,
        corrects=request.corrects,
    )


def _create(upload: Upload, corrected: Upload | None, uploads: Uploads) -> bool:
    """Store the upload; False when its id is taken already."""
    if corrected is None:
        return uploads.create(upload, _requested(upload))
    return create_correction(upload, _requested(upload), corrected, uploads)


def _in_parts(upload: Upload, objects: Objects, settings: Settings) -> Upload:
    """The upload, of which a large one is begun to be sent in parts; S3 forgets those that nobody completes."""
    if upload.file_size <= settings.multipart_bytes:
        return upload
    storage_id = objects.begin_parts(upload.object_key, content_type=upload.mime_type)
    return upload.model_copy(update={"parts": parts_of(upload.file_size, storage_id)})


def _requested(upload: Upload) -> AuditEvent:
    return AuditEvent(
        at=upload.created_at,
        event=AuditAct.UPLOAD_REQUESTED,
        actor=upload.created_by,
        correlation_id=upload.correlation_id,
        details={"fileName": upload.file_name, "fileSize": upload.file_size}
        | ({"corrects": upload.corrects} if upload.corrects else {}),
    )


def _same_request(known: Upload, repeated: Upload) -> Upload:
    if known.request_digest != repeated.request_digest:
        raise RequestRefused(
            "This Idempotency-Key was used for another request; take a new key for a new file.",
            status=409,
            code="idempotency_key_reused",
        )
    return known
