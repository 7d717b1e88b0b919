"""Confirm the preview of an upload: it is imported by what was chosen last, or shown once more."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import Field

from shared.domain.audit import AuditAct
from shared.domain.file_choices import CheckedChoices
from shared.domain.identity import Identity
from shared.domain.job import job_of
from shared.domain.upload import ProfileName, Upload, UploadOptions, UploadState
from shared.services.change_upload import UNDER_WAY, Change, as_it_is, event_of, refused
from shared.services.ports import Clock, JobQueue, Profiles, Uploads
from shared.services.profiles import require_profiles
from shared.services.request_body import parse_body
from shared.services.start_correction import require_no_contradiction

_GONE_ON = (*UNDER_WAY, UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS)


class ConfirmPreview(CheckedChoices):
    """The body of the request: each member that is given takes the place of what was chosen before."""

    profile: ProfileName | None = Field(default=None, description="Read the file by this profile; null for none named.")
    save_profile: ProfileName | None = Field(
        default=None, description="Save what was chosen and decided under this name; null for none."
    )
    preview: bool = Field(default=False, description="Show the file once more, by these choices, and import nothing.")

    @property
    def changes(self) -> dict[str, Any]:
        """The options that were given, and whether it is to be shown again."""
        return {name: getattr(self, name) for name in self.model_fields_set} | {"preview": self.preview}


def confirm_preview(
    upload_id: str,
    body: str,
    identity: Identity,
    *,
    uploads: Uploads,
    profiles: Profiles,
    queue: JobQueue,
    clock: Clock,
) -> Change:
    """Put an upload that waits in review into the queue again, with the choices of the request.

    A repeated request is answered by what the first one led to. Raises RequestRefused: 422 for choices that cannot be,
    404, 409 where nothing is to be confirmed.
    """
    request = parse_body(ConfirmPreview, body)
    digest = hashlib.sha256(request.model_dump_json(include=request.model_fields_set).encode()).hexdigest()

    def confirm(upload: Upload) -> Change:
        if upload.state is UploadState.REVIEWING:
            options = upload.options.model_copy(update=request.changes)
            _require_as_corrected(upload, options, uploads)
            require_profiles(upload.tenant_id, options, profiles)
            queue.release(upload.upload_id, upload.attempt)  # the planning that ended may be about to
            event = event_of(
                AuditAct.PREVIEW_CONFIRMED,
                upload,
                identity,
                clock,
                attempt=upload.attempt + 1,
                changed=_changed(upload.options, options),
            )
            upload = uploads.restart(upload, event, options=options, confirmation=digest)
        if upload.confirmation != digest or upload.state not in _GONE_ON:
            raise refused(upload, "confirmed")
        if upload.state is UploadState.QUEUED:
            queue.enqueue(job_of(upload))
        return Change(upload, pending=not upload.state.ended)

    return as_it_is(upload_id, identity, uploads, confirm)


def _require_as_corrected(upload: Upload, options: UploadOptions, uploads: Uploads) -> None:
    """A correction is read as the upload that it corrects, whatever a person says to its preview."""
    corrected = uploads.get(upload.tenant_id, upload.corrects) if upload.corrects else None
    if corrected is not None:
        require_no_contradiction(options, corrected)


def _changed(before: UploadOptions, after: UploadOptions) -> dict[str, Any]:
    """The options that are others now, by their names in the API."""
    were, are = (options.model_dump(mode="json", by_alias=True) for options in (before, after))
    return {name: value for name, value in are.items() if value != were[name]}
