"""Which refused rows of an upload its corrections bring again, and which of them have gone in."""

from __future__ import annotations

import json
from collections.abc import Iterable

from shared.domain import object_keys
from shared.domain.correction import is_completed
from shared.domain.upload import Upload
from shared.services.ports import Objects, Uploads
from shared.services.refused_lines import refused_numbers


def keep_rows(correction: Upload, rows: Iterable[int], objects: Objects) -> None:
    """Keep the numbers of the rows that a correction brings again."""
    data = json.dumps([*rows], separators=(",", ":")).encode()
    objects.write(object_keys.corrected_rows(correction.tenant_id, correction.upload_id), data, "application/json")


def taken_rows(correction: Upload, objects: Objects) -> set[int]:
    """The rows that no other correction may bring: those that have gone in with this one, or may yet."""
    may_go_in = is_completed(correction) or not (correction.state.ended or correction.options.dry_run)
    key = object_keys.corrected_rows(correction.tenant_id, correction.upload_id)
    return _rows_in(correction, objects) if may_go_in and any(objects.keys(key)) else set()


def corrections_of(upload: Upload, uploads: Uploads) -> list[Upload]:
    """The corrections of an upload as they are now, those that have not expired; the oldest first."""
    if not upload.corrections:
        return []
    return uploads.several(upload.tenant_id, [correction.upload_id for correction in upload.corrections])


def corrected_by(rows: Iterable[int], upload: Upload, uploads: Uploads, objects: Objects) -> dict[int, str]:
    """For those of the refused rows that a completed correction has brought in, the correction's id."""
    wanted = set(rows)
    found: dict[int, str] = {}
    for correction in filter(is_completed, corrections_of(upload, uploads)):
        found |= dict.fromkeys(wanted & _rows_in(correction, objects), correction.upload_id)
    return found


def _rows_in(correction: Upload, objects: Objects) -> set[int]:
    """Its rows but for those that were refused again."""
    kept = objects.read(object_keys.corrected_rows(correction.tenant_id, correction.upload_id))
    return {*json.loads(kept)}.difference(refused_numbers(correction, objects))
