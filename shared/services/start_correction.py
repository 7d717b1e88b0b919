"""Start a correction: what the request says is completed by the upload that it corrects, and must not contradict it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.correction import INHERITED, MOST_CORRECTIONS, NOT_OF_A_CORRECTION, inherited_options
from shared.domain.identity import Identity
from shared.domain.upload import Upload, UploadOptions, UploadState
from shared.errors import RequestRefused, StateConflict, TransientError
from shared.services.ports import Uploads
from shared.services.read_status import find_upload
from shared.services.request_body import parse_body

_ATTEMPTS = 5
_NOTHING_WENT_IN = "file_has_refused_rows"


class _Corrects(BaseModel):
    """The member of a request that makes it a correction."""

    model_config = ConfigDict(extra="ignore")

    corrects: str | None = Field(default=None, max_length=100)


def corrected_upload(body: str, identity: Identity, uploads: Uploads) -> Upload | None:
    """The upload that a request corrects; None where it corrects none. Raises RequestRefused 404, and 422."""
    corrects = parse_body(_Corrects, body).corrects
    return None if corrects is None else find_upload(identity, corrects, uploads)


def completed_body(body: str, corrected: Upload) -> str:
    """The request with what it leaves out and the corrected upload has."""
    said = {name: value for name, value in json.loads(body).items() if value is not None}
    return json.dumps({"importType": "csv", **inherited_options(corrected.options), **said})


def require_no_contradiction(options: UploadOptions, corrected: Upload) -> None:
    """Raise RequestRefused 422 where the request says something else than the upload that it corrects."""
    told = options.model_dump(mode="json")
    there = corrected.options.model_dump(mode="json")
    others = [name for name in INHERITED if told[name] != there[name]]
    wrong = dict.fromkeys(others, "is another than that of the upload that is corrected")
    wrong |= {name: "says nothing of a correction" for name in NOT_OF_A_CORRECTION if told[name] is not None}
    if options.import_type != "csv":
        wrong["import_type"] = "is csv for every correction"
    if wrong:
        raise RequestRefused(
            "A correction is a CSV file, and its rows are read as the upload that it corrects was; leave out what "
            "details name.",
            status=422,
            code="correction_option_fixed",
            details=[_detail(name, told[name], why) for name, why in sorted(wrong.items())],
        )


def _detail(name: str, value: object, why: str) -> dict[str, Any]:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {
        "row": None,
        "field": to_camel(name),
        "value": shown[:200],
        "error": why,
        "code": "correction_option_fixed",
        "severity": "error",
    }


def require_correctable(corrected: Upload) -> None:
    """Raise RequestRefused 409 for an upload that has no rows to correct, or not now."""
    if corrected.corrects:
        raise _conflict(
            f"This upload is a correction itself; send its rows as a correction of {corrected.corrects}, whose row "
            "numbers they have.",
            "correction_of_correction",
        )
    if corrected.options.dry_run:
        raise _conflict("That upload was a dry run: none of its rows went in. Send the whole file.", "was_dry_run")
    if corrected.state in (UploadState.UNDOING, UploadState.UNDONE):
        raise _conflict("That upload was undone: none of its rows is in. Send the whole file.", "upload_undone")
    if not corrected.state.ended:
        raise _conflict("That upload is still under way; correct its refused rows once it has ended.", "import_running")
    if corrected.plan is None or corrected.refused_rows_key is None:
        raise _conflict("No row of that upload was refused, so there is nothing to correct.", "no_refused_rows")
    if corrected.failure and corrected.failure.code == _NOTHING_WENT_IN:
        raise _conflict(
            "Nothing of that upload went in, because of its onError “abort”. Send the whole file.", "nothing_went_in"
        )
    if len(corrected.corrections) >= MOST_CORRECTIONS:
        raise _conflict(
            f"That upload has {MOST_CORRECTIONS} corrections, which is the limit. Send the rows as an upload of their "
            "own.",
            "too_many_corrections",
        )


def create_correction(upload: Upload, requested: AuditEvent, corrected: Upload, uploads: Uploads) -> bool:
    """Store a new correction, known to the upload that it corrects; False when its id is taken already.

    Raises RequestRefused 409 where that one can no longer be corrected.
    """
    noted = requested.model_copy(
        update={
            "event": AuditAct.CORRECTION_STARTED,
            "correlation_id": corrected.correlation_id,
            "details": {"correction": upload.upload_id, "fileName": upload.file_name},
        }
    )
    for _ in range(_ATTEMPTS):
        try:
            return uploads.create_correction(upload, requested, corrected, noted)
        except StateConflict:
            found = uploads.get(corrected.tenant_id, corrected.upload_id)
            if found is not None:
                require_correctable(found)
                corrected = found
    raise TransientError("The upload that is corrected keeps moving")


def _conflict(message: str, code: str) -> RequestRefused:
    return RequestRefused(message, status=409, code=code)
