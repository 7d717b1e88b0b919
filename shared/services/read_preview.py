"""Read the preview of an upload that waits to be confirmed, with the fields that its columns can be mapped to."""

from __future__ import annotations

from functools import cache

from pydantic import Field

from shared.columnar.record_fields import RECORD_FIELDS
from shared.domain import object_keys
from shared.domain.preview import Preview
from shared.domain.record import ProductionRecord, api_name
from shared.domain.upload import Upload, UploadState, Value
from shared.errors import RequestRefused
from shared.services.ports import Objects


class PreviewField(Value):
    """A field of the record, which a column can be mapped to, by its API name."""

    name: str
    description: str
    required: bool
    type: str


class ShownPreview(Preview):
    """A preview as the API shows it."""

    upload_id: str
    fields: list[PreviewField] = Field(description="In the record's order.")


def read_preview(upload: Upload, objects: Objects) -> ShownPreview:
    """The preview of an upload in review; raises RequestRefused 409 for one in any other state."""
    if upload.state is not UploadState.REVIEWING:
        raise RequestRefused(
            "There is no preview to look at: it is there while the upload's stage is “reviewing”.",
            status=409,
            code="no_preview",
        )
    kept = objects.read(object_keys.preview(upload.tenant_id, upload.upload_id, upload.attempt))
    preview = Preview.model_validate_json(kept)
    return ShownPreview(**dict(preview), upload_id=upload.upload_id, fields=_fields())


@cache
def _fields() -> list[PreviewField]:
    return [
        PreviewField(
            name=api_name(field.name),
            description=ProductionRecord.model_fields[field.name].description or "",
            required=field.required,
            type=field.kind.value,
        )
        for field in RECORD_FIELDS.values()
    ]
