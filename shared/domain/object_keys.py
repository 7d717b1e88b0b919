"""Where things lie in the bucket. Keys are made here alone, never from a name that a person gave.

```
incoming/{tenant}/{uploadId}/source.csv             what was uploaded; the only prefix a browser can write
quarantine/{tenant}/{uploadId}/source.csv           what was rejected; no import role can read it
plans/{tenant}/{uploadId}/plan.json                 the plan, kept as long as the upload, for its corrections
plans/{tenant}/{uploadId}/corrected-rows.json       the rows of the corrected file that a correction brings again
work/{tenant}/{uploadId}/chunks.json                the chunks; what is under work is soon deleted by lifecycle
work/{tenant}/{uploadId}/parts/{chunk:06}.csv       records of a file that cannot be cut by byte range, staged
work/{tenant}/{uploadId}/{attempt}/…                chunks and parts, where a later attempt than the first has planned;
                                                    so has plans its plan
work/{tenant}/{uploadId}/preview/{attempt}.json     what a person is shown before the import
work/{tenant}/{uploadId}/quality/{chunk:06}.json    statistics of a chunk's records, merged when the import ends
refused/{tenant}/{uploadId}/{chunk:06}.jsonl        refused rows, one file a chunk, in the file's order
reports/{tenant}/{uploadId}/refused-rows.csv        all of them, to download, fix and upload again
reports/{tenant}/{uploadId}/refused-rows.xlsx       the same as a workbook, made when it is first asked for
reports/{tenant}/{uploadId}/quality.json            the quality report
definitions/clamav/{file}                           ClamAV's definitions, where ClamAV scans
```
"""

from __future__ import annotations

import re
from typing import NamedTuple

_INCOMING = re.compile(r"incoming/(?P<tenant>[^/]+)/(?P<upload>[^/]+)/source\.[a-z]+\Z")
CLAMAV_DEFINITIONS = "definitions/clamav/"
"""The common start of the keys of ClamAV's definitions."""

_EXTENSION = {"csv": "csv", "json": "json", "excel": "xlsx"}


class UploadKey(NamedTuple):
    """Whose upload a key belongs to."""

    tenant_id: str
    upload_id: str


def incoming(tenant_id: str, upload_id: str, import_type: str) -> str:
    """The key that the presigned POST may write, and nothing else."""
    return f"incoming/{tenant_id}/{upload_id}/source.{_EXTENSION[import_type]}"


def parse_incoming(key: str) -> UploadKey | None:
    """The upload that an object of `incoming/` claims to belong to; None for any other key."""
    match = _INCOMING.match(key)
    return UploadKey(match["tenant"], match["upload"]) if match else None


def quarantine(incoming_key: str) -> str:
    """Where a rejected object is moved to."""
    return "quarantine/" + incoming_key.removeprefix("incoming/")


def plan(tenant_id: str, upload_id: str, attempt: int) -> str:
    """The plan that an attempt has made."""
    return f"plans/{tenant_id}/{upload_id}/{_of_attempt(attempt)}plan.json"


def corrected_rows(tenant_id: str, upload_id: str) -> str:
    """The numbers of the rows that a correction brings again, as a JSON array."""
    return f"plans/{tenant_id}/{upload_id}/corrected-rows.json"


def chunk_list(tenant_id: str, upload_id: str, attempt: int) -> str:
    """The chunks of that plan as the JSON array that the Map state reads."""
    return f"{_planned_in(tenant_id, upload_id, attempt)}chunks.json"


def parts_prefix(tenant_id: str, upload_id: str, attempt: int) -> str:
    """The common start of the keys of the parts that an attempt's planning stages, ending in `/`."""
    return f"{_planned_in(tenant_id, upload_id, attempt)}parts/"


def _planned_in(tenant_id: str, upload_id: str, attempt: int) -> str:
    """Each attempt's planning has a place of its own: one that comes late, with other choices, must change no plan."""
    return f"work/{tenant_id}/{upload_id}/{_of_attempt(attempt)}"


def _of_attempt(attempt: int) -> str:
    return f"{attempt}/" if attempt > 1 else ""


def preview(tenant_id: str, upload_id: str, attempt: int) -> str:
    """What an attempt's planning has found, for a person to look at."""
    return f"work/{tenant_id}/{upload_id}/preview/{attempt}.json"


def chunk_quality_prefix(tenant_id: str, upload_id: str) -> str:
    """The common start of all `chunk_quality` keys of an upload, ending in `/`."""
    return f"work/{tenant_id}/{upload_id}/quality/"


def chunk_quality(tenant_id: str, upload_id: str, chunk: int) -> str:
    """The statistics of one chunk's records."""
    return f"{chunk_quality_prefix(tenant_id, upload_id)}{chunk:06}.json"


def refused_prefix(tenant_id: str, upload_id: str) -> str:
    """The common start of all `refused_rows` keys of an upload, ending in `/`."""
    return f"refused/{tenant_id}/{upload_id}/"


def refused_rows(tenant_id: str, upload_id: str, chunk: int) -> str:
    """The refused rows of one chunk, as JSON lines."""
    return f"{refused_prefix(tenant_id, upload_id)}{chunk:06}.jsonl"


def refused_rows_csv(tenant_id: str, upload_id: str) -> str:
    """All refused rows of an upload, in the file's order."""
    return f"reports/{tenant_id}/{upload_id}/refused-rows.csv"


def refused_rows_xlsx(tenant_id: str, upload_id: str) -> str:
    """The refused rows of an upload as a workbook, in the file's order."""
    return f"reports/{tenant_id}/{upload_id}/refused-rows.xlsx"


def quality_report(tenant_id: str, upload_id: str) -> str:
    """The quality report of an upload."""
    return f"reports/{tenant_id}/{upload_id}/quality.json"
