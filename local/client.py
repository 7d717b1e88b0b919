"""The HTTP API as a browser uses it: ask for an upload, send the bytes straight to S3, watch it go in.

Every method returns the API's JSON as it came. What goes wrong is a `ClientError` whose text is meant for people.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx
from pydantic.alias_generators import to_camel

IMPORTS_PATH = "/api/import/manufacturing-data"
"""Where the import API begins, below the API's URL."""

PROFILES_PATH = "/api/import/profiles"
"""Where the profiles are, below the API's URL."""

ENDED = frozenset({"completed", "completed_with_errors", "failed", "cancelled", "undone"})
"""The statuses after which nothing changes any more by itself."""

_PARTS_SIGNED = 20
"""At once: few enough that their URLs do not expire before it is their turn."""

_TRY_AGAIN = frozenset({429, 502, 503, 504})
_TIMEOUTS = httpx.Timeout(60.0, connect=5.0)
_MIME_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/jsonl",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
    ".xlsb": "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}
_JSON_NAMES = (".json", ".ndjson", ".jsonl")
_WORKBOOK_NAMES = (".xlsx", ".xls", ".xlsb", ".ods")

_STORAGE_REASON = re.compile(r"<(Code|Message)>([^<]*)</")

Document = dict[str, Any]


class ClientError(Exception):
    """The root: something that a person is told, and that ends a command."""


class Unreachable(ClientError):
    """Nothing answers at the address, or the connection broke."""


class WaitTimeout(ClientError):
    """The upload had not ended when the time was up; it goes on without us."""


class StorageError(ClientError):
    """The object store refused the bytes; `code` is its own, such as `EntityTooLarge`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"The storage refused the file: {message} ({code})")
        self.code = code


class ApiError(ClientError):
    """An answer in the API's error shape, `{error, message, supportId, details}`.

    `error` is the stable code, `details` the entries of `details.errors`, `retry_after` in seconds.
    """

    def __init__(self, status: int, document: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.error = str(document.get("error") or "unknown")
        self.message = str(document.get("message") or f"The API answered {status} without a message.")
        self.support_id = document.get("supportId")
        details = document.get("details")
        self.details: list[Document] = list(details.get("errors") or []) if isinstance(details, Mapping) else []
        self.retry_after = retry_after
        super().__init__(self._text())

    def _text(self) -> str:
        """The message, one line for each detail, and what support asks for."""
        lines = [f"{self.message} ({self.status} {self.error})"]
        for detail in self.details:
            named = f"{detail['field']}: " if detail.get("field") else ""
            lines.append(f"  - {named}{detail.get('error', '')}")
        if self.retry_after is not None:
            lines.append(f"  Try again in {self.retry_after:.0f} s.")
        if self.support_id:
            lines.append(f"  Support id: {self.support_id}")
        return "\n".join(lines)


class LinefeedClient:
    """One person's session with the API at `api_url` (without the path); a context manager."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUTS,
            trust_env=False,
        )
        # The presigned URLs carry their own right; S3 would refuse a second one in the header.
        self._storage = httpx.Client(timeout=_TIMEOUTS, trust_env=False, follow_redirects=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._storage.close()

    def start_upload(
        self,
        path: Path,
        *,
        work_unit_id: str | None,
        idempotency_key: str | None = None,
        checksum: bool = True,
        **options: Any,
    ) -> Document:
        """Announce a file and get `{uploadId, jobId, tracking, upload: {url, fields, expiresAt}, …}`.

        `options` are those of `shared.domain.upload.UploadOptions`; what is None or not given is left to the system,
        and the type to the file's name. With `corrects`, the file brings refused rows of that upload again, and the
        work unit may be None. Without an `idempotency_key` each call is an upload of its own; with one, a repeated call
        gets the first answer. With a `checksum`, S3 takes these bytes and no others.
        """
        request: Document = {
            "fileName": path.name,
            "fileSize": path.stat().st_size,
            "mimeType": mime_type(path),
            "importType": import_type(path),
        }
        if checksum:
            request["checksumSha256"] = _sha256(path)
        chosen = {"work_unit_id": work_unit_id, **options}
        request |= {to_camel(name): value for name, value in chosen.items() if value is not None}
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return _json(self._send("POST", "", json=request, headers=headers))

    def send_file(self, upload: Mapping[str, Any], path: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        """Send the bytes as `start_upload` answered: as a form, or a large file in parts that are not there yet.

        The file is never whole in memory. `on_bytes` is told the number of bytes each time some have been handed to
        the connection. The file is the last part of the form, because S3 ignores what comes after it.
        """
        form = upload["upload"]
        if form["method"] == "MULTIPART":
            self._send_parts(upload["uploadId"], form, path, on_bytes)
            return
        with _ReportingFile(path, on_bytes) as file:
            try:
                answer = self._storage.post(
                    form["url"], data=form["fields"], files={"file": (path.name, file, mime_type(path))}
                )
            except httpx.TransportError as error:
                raise Unreachable(f"The connection broke while {path.name} was sent: {_described(error)}") from error
        if answer.is_error:
            raise StorageError(*_storage_reason(answer))

    def _send_parts(
        self, upload_id: str, form: Mapping[str, Any], path: Path, on_bytes: Callable[[int], None] | None
    ) -> None:
        stored = _json(self._send("GET", f"/{upload_id}/parts"))["parts"]
        there = {part["partNumber"] for part in stored}
        missing = [number for number in range(1, form["partCount"] + 1) if number not in there]
        if on_bytes:
            on_bytes(sum(part["size"] for part in stored))
        with path.open("rb") as file:
            while missing:
                numbers, missing = missing[:_PARTS_SIGNED], missing[_PARTS_SIGNED:]
                signed = _json(self._send("POST", f"/{upload_id}/parts", json={"partNumbers": numbers}))["parts"]
                for part in signed:
                    file.seek((part["partNumber"] - 1) * form["partSize"])
                    self._put_part(part, file.read(part["size"]), path)
                    if on_bytes:
                        on_bytes(part["size"])
        self._send("POST", f"/{upload_id}/complete")

    def _put_part(self, part: Mapping[str, Any], data: bytes, path: Path) -> None:
        try:
            answer = self._storage.put(part["url"], content=data)
        except httpx.TransportError as error:
            raise Unreachable(f"The connection broke while {path.name} was sent: {_described(error)}") from error
        if answer.is_error:
            raise StorageError(*_storage_reason(answer))

    def status(self, upload_id: str) -> Document:
        """`{upload, progress}` of one upload."""
        return _json(self._send("GET", "", params={"uploadId": upload_id}))

    def wait(
        self,
        upload_id: str,
        on_status: Callable[[Document], None] | None = None,
        timeout: float = 300.0,
        interval: float = 0.2,
    ) -> Document:
        """Ask for the status every `interval` seconds until the upload has ended, and return the last answer.

        Answers that ask to try again are waited out; raises `WaitTimeout` after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            pause = interval
            try:
                answer = self.status(upload_id)
            except ApiError as error:
                if error.status not in _TRY_AGAIN:
                    raise
                pause = max(interval, error.retry_after or 0.0)
            else:
                if on_status is not None:
                    on_status(answer)
                if answer["upload"]["status"] in ENDED:
                    return answer
            if time.monotonic() + pause > deadline:
                raise WaitTimeout(f"Upload {upload_id} had not ended after {timeout:.0f} s; it goes on by itself.")
            time.sleep(pause)

    def cancel(self, upload_id: str) -> Document:
        """Cancel an upload; `{success, upload}`, with the upload cancelled or being so."""
        return _json(self._send("DELETE", "", params={"uploadId": upload_id}))

    def retry(self, upload_id: str) -> Document:
        """Have an upload imported again, without what is in: `{success, upload}`."""
        return _json(self._send("POST", f"/{upload_id}/retry"))

    def preview(self, upload_id: str) -> Document:
        """How the file of an upload is read that waits to be confirmed."""
        return _json(self._send("GET", f"/{upload_id}/preview"))

    def confirm(self, upload_id: str, **choices: Any) -> Document:
        """Import an upload as its preview shows it, or by other choices: `{success, upload}`."""
        body = {to_camel(name): value for name, value in choices.items()}
        return _json(self._send("POST", f"/{upload_id}/confirm", json=body))

    def undo(self, upload_id: str) -> Document:
        """Have an upload's rows leave the table; `{success, upload}`, with the upload undone or being so."""
        return _json(self._send("POST", f"/{upload_id}/undo"))

    def history(self, limit: int | None = None, cursor: str | None = None, **wanted: str | list[str]) -> Document:
        """One page of the tenant's uploads, newest first: `{uploads, pagination}`.

        `wanted` are parameters of the API, such as `status`, `search` and `from`. With them a page may be short and
        yet have a cursor.
        """
        return _json(self._send("GET", "", params={**_page(limit, cursor), **wanted}))

    def refused_rows(self, upload_id: str, limit: int | None = None, cursor: str | None = None) -> Document:
        """One page of the refused rows: `{refusedRows, pagination}`."""
        return _json(self._send("GET", f"/{upload_id}/errors", params=_page(limit, cursor)))

    def download_refused_csv(self, upload_id: str, target: Path) -> int:
        """Write the refused rows, ready to fix and upload again, to `target`; return its size in bytes."""
        return self._download_refused(upload_id, "csv", target)

    def download_refused_xlsx(self, upload_id: str, target: Path) -> int:
        """Write the refused rows as a workbook with what is wrong marked; return its size in bytes."""
        return self._download_refused(upload_id, "xlsx", target)

    def template(self, form: Literal["csv", "xlsx"] = "xlsx") -> bytes:
        """An empty table to fill in."""
        return self._send("GET", "/template", params={"format": form}).content

    def _download_refused(self, upload_id: str, form: str, target: Path) -> int:
        place = self._send(
            "GET", f"/{upload_id}/errors", params={"format": form}, headers={"Accept": "application/json"}
        )
        try:
            with self._storage.stream("GET", _json(place)["url"]) as download, target.open("wb") as file:
                if download.is_error:
                    download.read()
                    raise StorageError(*_storage_reason(download))
                return sum(file.write(part) for part in download.iter_bytes())
        except httpx.TransportError as error:
            raise Unreachable(f"The refused rows could not be fetched: {_described(error)}") from error

    def report(self, upload_id: str) -> Document:
        """The quality report of an upload that has ended."""
        return _json(self._send("GET", f"/{upload_id}/report"))

    def report_page(self, upload_id: str) -> str:
        """The quality report as a page."""
        return self._send("GET", f"/{upload_id}/report", params={"format": "html"}).text

    def audit(self, upload_id: str, limit: int | None = None, cursor: str | None = None) -> Document:
        """One page of what happened to the upload, oldest first: `{events, pagination}`."""
        return _json(self._send("GET", f"/{upload_id}/audit", params=_page(limit, cursor)))

    def profiles(self) -> list[Document]:
        """The tenant's profiles by name, without header, mapping and defaults."""
        listed: list[Document] = _json(self._send("GET", "", base=PROFILES_PATH))["profiles"]
        return listed

    def profile(self, name: str) -> Document:
        """One profile; its `revision` is what `put_profile` and `delete_profile` may name."""
        return _json(self._send("GET", _named(name), base=PROFILES_PATH))

    def put_profile(self, name: str, profile: Mapping[str, Any], *, revision: str | None = None) -> Document:
        """Create or replace a profile; where a `revision` is named, only in its place."""
        return _json(
            self._send("PUT", _named(name), base=PROFILES_PATH, json=dict(profile), headers=_if_match(revision))
        )

    def delete_profile(self, name: str, *, revision: str | None = None) -> None:
        """Delete a profile; where a `revision` is named, only that one. Harmless when repeated without one."""
        self._send("DELETE", _named(name), base=PROFILES_PATH, headers=_if_match(revision))

    def _send(self, method: str, path: str, *, base: str = IMPORTS_PATH, **request: Any) -> httpx.Response:
        """Send one request to the API, `path` below `base`; an error answer becomes an `ApiError`."""
        try:
            answer = self._api.request(method, base + path, **request)
        except httpx.TransportError as error:
            raise Unreachable(f"No answer from {self._api.base_url}: {_described(error)}") from error
        if answer.is_error:
            raise ApiError(answer.status_code, _error_document(answer), retry_after=_seconds(answer, "retry-after"))
        return answer


class _ReportingFile(io.FileIO):
    """A file that tells how many bytes have been read from it."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None] | None) -> None:
        super().__init__(path, "rb")
        self._on_bytes = on_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and tell."""
        part = super().read(-1 if size is None else size) or b""
        if part and self._on_bytes is not None:
            self._on_bytes(len(part))
        return part


def mime_type(path: Path) -> str:
    """The type a browser would give; by the ending alone, and the same on every operating system for ours."""
    known = _MIME_TYPES.get(path.suffix.lower())
    return known or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _sha256(path: Path) -> str:
    """As S3 wants it, so that it takes no other bytes."""
    with path.open("rb") as file:
        return b64encode(hashlib.file_digest(file, "sha256").digest()).decode()


def import_type(path: Path) -> str:
    """What the API calls the kind of file, by its name; delimited text where the name says nothing."""
    name = path.name.lower()
    if name.endswith(_WORKBOOK_NAMES):
        return "excel"
    return "json" if name.removesuffix(".gz").endswith(_JSON_NAMES) else "csv"


def _described(error: Exception) -> str:
    """The error's text, or its kind where it has none."""
    return str(error) or type(error).__name__


def _page(limit: int | None, cursor: str | None) -> dict[str, str]:
    """The query of a paged request."""
    query = {"limit": str(limit) if limit is not None else None, "cursor": cursor}
    return {name: value for name, value in query.items() if value is not None}


def _named(name: str) -> str:
    """A name as a part of an address."""
    return f"/{quote(name, safe='')}"


def _if_match(revision: str | None) -> dict[str, str]:
    """The condition that a resource still is of this revision."""
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def _json(answer: httpx.Response) -> Document:
    """The answer's JSON object."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ClientError(f"The API answered {answer.status_code} with something that is not a JSON object.")
    return document


def _error_document(answer: httpx.Response) -> Mapping[str, Any]:
    """The error shape, or what can be said of an answer without it."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and "message" in document:
        return document
    return {"error": answer.reason_phrase, "message": "The API answered with an error it does not explain."}


def _storage_reason(answer: httpx.Response) -> tuple[str, str]:
    """Code and message of S3's error document, `<Error><Code>…</Code><Message>…</Message>…</Error>`."""
    named = dict(_STORAGE_REASON.findall(answer.text))
    return named.get("Code") or str(answer.status_code), named.get("Message") or "it gave no reason"


def _seconds(answer: httpx.Response, header: str) -> float | None:
    """A header that holds seconds, or None."""
    value = answer.headers.get(header, "")
    return float(value) if value.isdigit() else None
