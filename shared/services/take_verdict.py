"""Take a verdict that a scanner gave by itself, and have the scan that waits for it done again."""

from __future__ import annotations

from shared.domain import object_keys
from shared.domain.verdict import ObjectVerdict
from shared.services.ports import Clock, ScanStep, Uploads, Verdicts


def take_verdict(
    result: ObjectVerdict, *, uploads: Uploads, verdicts: Verdicts, scan_step: ScanStep, clock: Clock
) -> bool:
    """Keep the verdict on an upload that has not ended; False, and nothing is kept, where there is none.

    It may come before S3's own event as well as after it, and more than once: whichever scan comes last finds it.
    """
    owner = object_keys.parse_incoming(result.key)
    upload = uploads.get(owner.tenant_id, owner.upload_id) if owner else None
    if upload is None or upload.object_key != result.key or upload.state.ended:
        return False
    verdicts.keep(result, clock())
    scan_step.take(result.key, result.version_id)
    return True
