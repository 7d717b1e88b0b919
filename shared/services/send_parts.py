"""The parts of a large file: sign URLs for them, say which have come, put them together.

Only who started the upload may do that, and only while it awaits its file. Each URL is good for one part of one upload
and for exactly its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from shared.domain.identity import Identity
from shared.domain.parts import size_of_part
from shared.domain.upload import Parts, Upload, UploadState, Value
from shared.errors import RequestRefused
from shared.services.ports import Clock, Objects, StoredPart, Uploads
from shared.services.read_status import find_upload
from shared.services.request_body import parse_body

_NAMED = 5


class SignParts(Value):
    """The body of the request for URLs: part numbers, counted from 1."""

    part_numbers: Annotated[list[Annotated[int, Field(ge=1, le=10_000)]], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True)
class SignedPart:
    """Where to PUT a part of `size` bytes."""

    number: int
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class SignedParts:
    """URLs, and until when they work."""

    parts: list[SignedPart]
    expires_at: datetime


def sign_parts(
    body: str, upload_id: str, identity: Identity, *, uploads: Uploads, objects: Objects, clock: Clock, seconds: int
) -> SignedParts:
    """Sign a URL for each part that is asked for.

    Raises RequestRefused: 404, 422, and 409 where no parts are awaited.
    """
    upload, parts = _awaited(upload_id, identity, uploads)
    numbers = sorted({*parse_body(SignParts, body).part_numbers})
    if numbers[-1] > parts.count:
        raise RequestRefused(
            f"The file has {parts.count:,} parts; there is no part {numbers[-1]:,}.", status=422, code="no_such_part"
        )
    signed = []
    for number in numbers:
        size = size_of_part(parts, number, upload.file_size)
        url = objects.sign_part(upload.object_key, parts.storage_id, number, size=size, seconds=seconds)
        signed.append(SignedPart(number, size, url))
    return SignedParts(signed, clock() + timedelta(seconds=seconds))


def stored_parts(upload_id: str, identity: Identity, *, uploads: Uploads, objects: Objects) -> list[StoredPart]:
    """The parts that have come, for whoever goes on after a break. Raises RequestRefused as `sign_parts` does."""
    upload, parts = _awaited(upload_id, identity, uploads)
    stored = objects.stored_parts(upload.object_key, parts.storage_id)
    if stored is None:
        raise _gone()
    return stored


def complete_parts(upload_id: str, identity: Identity, *, uploads: Uploads, objects: Objects) -> Upload:
    """Put the parts together, whereupon S3's event has the file scanned; harmless when repeated.

    Raises RequestRefused: 404, and 409 where parts are missing or not as large as they must be.
    """
    upload = _own(upload_id, identity, uploads)
    if upload.parts is None:
        raise _not_awaited(upload)
    if upload.state is not UploadState.AWAITING_UPLOAD:
        return upload
    stored = objects.stored_parts(upload.object_key, upload.parts.storage_id)
    if stored is None:
        if objects.describe(upload.object_key, None) is None:
            raise _gone()
        return upload  # they are together already, and S3's event is on its way
    sizes = {part.number: part.size for part in stored}
    wrong = [
        number
        for number in range(1, upload.parts.count + 1)
        if sizes.get(number) != size_of_part(upload.parts, number, upload.file_size)
    ]
    if wrong:
        named = ", ".join(str(number) for number in wrong[:_NAMED]) + (" …" if len(wrong) > _NAMED else "")
        raise RequestRefused(
            f"Of {upload.parts.count:,} parts {len(wrong):,} are missing or not as large as they must be: {named}. "
            "Send them, and complete the upload then.",
            status=409,
            code="parts_missing",
        )
    objects.join_parts(upload.object_key, upload.parts.storage_id, stored)
    return upload


def _awaited(upload_id: str, identity: Identity, uploads: Uploads) -> tuple[Upload, Parts]:
    upload = _own(upload_id, identity, uploads)
    if upload.parts is None or upload.state is not UploadState.AWAITING_UPLOAD:
        raise _not_awaited(upload)
    return upload, upload.parts


def _own(upload_id: str, identity: Identity, uploads: Uploads) -> Upload:
    """An upload of this very person; another's is not found, as another tenant's is not."""
    upload = find_upload(identity, upload_id, uploads)
    if upload.created_by != identity.user_id:
        raise RequestRefused("There is no upload of this id that you started.", status=404, code="upload_not_found")
    return upload


def _not_awaited(upload: Upload) -> RequestRefused:
    sent = "is sent in parts" if upload.parts else "is sent as a whole, by the form that its start was answered with"
    return RequestRefused(
        f"No parts are awaited: the upload {sent}, and is {upload.state.value.replace('_', ' ')}.",
        status=409,
        code="no_parts_awaited",
    )


def _gone() -> RequestRefused:
    return RequestRefused(
        "The parts that were sent are kept for a week, and it is over; start a new upload.",
        status=409,
        code="parts_expired",
    )
