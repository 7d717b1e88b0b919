"""Reading an S3 POST form: its fields, then its file as a stream.

Each byte is looked at a fixed number of times, and no more than a block of the file is in memory.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol

from werkzeug.http import parse_options_header

from local.aws.s3_errors import S3Error, WsgiEnvironment, content_length, invalid_argument

_BLOCK = 256 * 1024
_FIELDS_LIMIT = 20 * 1024
_END = b"--"


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class PostForm:
    """A multipart/form-data body: call `read_fields`, then `copy_file`. Both raise S3Error."""

    def __init__(self, environ: WsgiEnvironment) -> None:
        _, options = parse_options_header(environ.get("CONTENT_TYPE"))
        boundary = options.get("boundary", "")
        if not boundary:
            raise _malformed()
        self._stream = environ["wsgi.input"]
        self._remaining = content_length(environ)
        self._delimiter = b"\r\n--" + boundary.encode("latin-1")
        self._buffer = b"\r\n"  # so that the first delimiter looks like the others
        self.file_name = ""

    def read_fields(self) -> dict[str, str]:
        """The fields before the file, with names in lower case. Fields after it do not count, as in S3."""
        fields: dict[str, str] = {}
        budget = _FIELDS_LIMIT
        budget -= len(self._read_until(self._delimiter, budget))
        while True:
            self._expect_another_part()
            headers = self._read_until(b"\r\n\r\n", budget)
            budget -= len(headers)
            name = self._field_name(headers)
            if name == "file":
                return fields
            value = self._read_until(self._delimiter, budget)
            budget -= len(value)
            if name in fields:
                raise invalid_argument(f"The field {name} was given more than once.", ArgumentName=name)
            try:
                fields[name] = value.decode()
            except UnicodeDecodeError as error:
                raise _malformed() from error

    def copy_file(self, sink: _Sink, limit: int) -> int:
        """Write the file's content to `sink`, but not what is beyond `limit` bytes; returns its whole size."""
        size = 0
        keep = len(self._delimiter) - 1
        while True:
            found = self._buffer.find(self._delimiter)
            content = self._buffer[: found if found >= 0 else max(0, len(self._buffer) - keep)]
            if size < limit:
                sink.write(content[: limit - size])
            size += len(content)
            if found >= 0:
                return size
            self._buffer = self._buffer[len(content) :] + self._read_block()

    def discard(self) -> None:
        """Read the rest of the body."""
        while self._remaining and self._read_block():
            pass

    def _read_until(self, end: bytes, budget: int) -> bytes:
        """What stands before `end`, which is skipped; it must come within `budget` bytes."""
        while (found := self._buffer.find(end)) < 0 and len(self._buffer) <= budget:
            self._buffer += self._read_block()
        if found < 0 or found > budget:
            raise S3Error(
                HTTPStatus.BAD_REQUEST,
                "MaxPostPreDataLengthExceeded",
                "Your POST request fields preceding the upload file were too large.",
            )
        before, self._buffer = self._buffer[:found], self._buffer[found + len(end) :]
        return before

    def _read_block(self) -> bytes:
        block: bytes = self._stream.read(min(self._remaining, _BLOCK)) if self._remaining else b""
        self._remaining -= len(block)
        if not block:
            self._remaining = 0
            raise _malformed()
        return block

    def _expect_another_part(self) -> None:
        while len(self._buffer) < len(_END):
            self._buffer += self._read_block()
        if self._buffer.startswith(_END):
            raise invalid_argument("POST requires exactly one file upload per request.", ArgumentName="file")

    def _field_name(self, headers: bytes) -> str:
        for line in headers.decode("utf-8", "replace").split("\r\n"):
            header, _, value = line.partition(":")
            if header.strip().lower() != "content-disposition":
                continue
            _, options = parse_options_header(value.strip())
            self.file_name = options.get("filename", "")
            if options.get("name"):
                return options["name"].lower()
        raise _malformed()


def _malformed() -> S3Error:
    return S3Error(
        HTTPStatus.BAD_REQUEST,
        "MalformedPOSTRequest",
        "The body of your POST request is not well-formed multipart/form-data.",
    )
