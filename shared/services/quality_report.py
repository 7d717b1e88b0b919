"""The quality report: the statistics of each chunk, kept for the next step, and the report made of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from pydantic import ValidationError

from shared.domain import object_keys
from shared.domain.quality import Quality
from shared.domain.quality_report import QualityReport, report_of
from shared.domain.upload import Upload
from shared.errors import RequestRefused
from shared.services.ports import Objects

_AT_ONCE = 16
"""Chunks whose statistics are fetched together: an import may have thousands, of which memory holds so many."""

_log = logging.getLogger(__name__)


def keep_quality(quality: Quality, tenant_id: str, upload_id: str, chunk: int, objects: Objects) -> None:
    """Keep the statistics of a chunk."""
    data = quality.model_dump_json(by_alias=True).encode()
    objects.write(object_keys.chunk_quality(tenant_id, upload_id, chunk), data, "application/json")


def write_quality_report(upload: Upload, objects: Objects) -> str | None:
    """Write the report of an upload, given as it is when it has ended; return its key. Harmless when repeated.

    It covers every chunk that was read, also one that did not go in. Where it cannot be made, although the bucket
    answers, there is none: rows that are in the table are not to be lost for it.
    """
    try:
        report = report_of(upload, _merged(upload, objects))
    except (ValidationError, ArithmeticError, LookupError):
        _log.exception("no quality report of upload %s", upload.upload_id)
        return None
    key = object_keys.quality_report(upload.tenant_id, upload.upload_id)
    objects.write(key, report.model_dump_json(by_alias=True).encode(), "application/json")
    return key


def _merged(upload: Upload, objects: Objects) -> Quality:
    quality = Quality()
    keys = objects.keys(object_keys.chunk_quality_prefix(upload.tenant_id, upload.upload_id))
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="quality") as pool:
        for some in _groups(keys):
            for data in pool.map(objects.read, some):
                quality = quality.merged(Quality.model_validate_json(data))
    return quality


def _groups(keys: Iterator[str]) -> Iterator[list[str]]:
    while some := list(islice(keys, _AT_ONCE)):
        yield some


def read_quality_report(upload: Upload, objects: Objects) -> QualityReport:
    """The report of an upload; raises RequestRefused 409 while it is under way and 404 where there is none."""
    if not upload.state.ended:
        raise RequestRefused(
            "The import is still running; the quality report is made when it ends.", status=409, code="import_running"
        )
    if upload.quality_report_key is None:
        raise RequestRefused(
            "There is no quality report of this upload: its import never began, or the report could not be made.",
            status=404,
            code="no_report",
        )
    return QualityReport.model_validate_json(objects.read(upload.quality_report_key))
