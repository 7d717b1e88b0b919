"""Take a verdict that a scanner gave by itself, and have the scan that waits for it done again."""

from __future__ import annotations

from shared.domain.verdict import ObjectVerdict
from shared.services.ports import Clock, ScanStep, Uploads, Verdicts
from shared.services.scan_upload import upload_of


def take_verdict(
    result: ObjectVerdict, *, uploads: Uploads, verdicts: Verdicts, scan_step: ScanStep, clock: Clock
) -> bool:
    """Keep the verdict on an upload that has not ended; False, and nothing is kept, where there is none.

    It may come before S3's own event as well as after it, and more than once: whichever scan comes last finds it.
    """
    upload = upload_of(result.key, uploads)
    if upload is None or upload.state.ended:
        return False
    verdicts.keep(result, clock())
    scan_step.take(result.key, result.version_id)
    return True
