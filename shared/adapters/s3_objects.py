"""The bucket, through boto3 and, for streams, smart-open."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import error_code, translated
from shared.domain.upload import SourceObject
from shared.errors import TransientError
from shared.services.ports import SignedPost, StoredPart

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

_READ_BUFFER = 1 << 20
_NO_PARTS = "NoSuchUpload"
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})


class S3Objects:
    """The port `Objects`. The client must sign with SigV4."""

    def __init__(self, client: S3Client, *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def sign_upload(self, key: str, *, content_type: str, size: int, sha256: str | None, seconds: int) -> SignedPost:
        """Let a browser write exactly this key, type, number of bytes and, with `sha256`, these bytes, for so long."""
        fields = {"Content-Type": content_type}
        if sha256:
            fields |= {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": sha256}
        post = self._client.generate_presigned_post(
            self._bucket,
            key,
            Fields=fields,
            Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", size, size]],
            ExpiresIn=seconds,
        )
        return SignedPost(post["url"], post["fields"])

    def begin_parts(self, key: str, *, content_type: str) -> str:
        """Begin a multipart upload; its id."""
        with translated("The file store"):
            begun = self._client.create_multipart_upload(Bucket=self._bucket, Key=key, ContentType=content_type)
        return begun["UploadId"]

    def sign_part(self, key: str, storage_id: str, number: int, *, size: int, seconds: int) -> str:
        """A URL that takes exactly so many bytes as this part, for so long."""
        part = {"Bucket": self._bucket, "Key": key, "UploadId": storage_id, "PartNumber": number, "ContentLength": size}
        return self._client.generate_presigned_url("upload_part", Params=part, ExpiresIn=seconds)

    def stored_parts(self, key: str, storage_id: str) -> list[StoredPart] | None:
        """The parts that have come; None once they were put together or forgotten."""
        pages = self._client.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=storage_id)
        try:
            with translated("The file store"):
                listed = [part for page in pages for part in page.get("Parts", [])]
        except ClientError as error:
            if error_code(error) != _NO_PARTS:
                raise
            return None
        return [StoredPart(part["PartNumber"], part["Size"], part["ETag"].strip('"')) for part in listed]

    def join_parts(self, key: str, storage_id: str, parts: list[StoredPart]) -> None:
        """Complete the multipart upload; one that was completed before is left alone."""
        named = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        try:
            with translated("The file store"):
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=storage_id,
                    MultipartUpload={"Parts": named},  # type: ignore[typeddict-item]
                )
        except ClientError as error:
            if error_code(error) != _NO_PARTS:
                raise

    def sign_download(self, key: str, *, file_name: str, seconds: int) -> str:
        """A URL that downloads the object under a file name, for so long."""
        disposition = f'attachment; filename="{file_name}"'
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._bucket, "Key": key, "ResponseContentDisposition": disposition},
            ExpiresIn=seconds,
        )

    def describe(self, key: str, version_id: str | None) -> SourceObject | None:
        """The object's version (the newest when None is given); None when there is none."""
        version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        try:
            with translated("The file store"):
                head = self._client.head_object(Bucket=self._bucket, Key=key, **version)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None
            raise
        return SourceObject(
            key=key, version_id=head["VersionId"], etag=head["ETag"].strip('"'), size=head["ContentLength"]
        )

    @contextmanager
    def open_range(self, source: SourceObject, start: int, end: int) -> Iterator[BinaryIO]:
        """Stream the bytes `[start, end)` of the pinned version, by one ranged GET."""
        with self._reader(source.key, source.version_id, start, end) as stream:
            yield io.BufferedReader(_Window(stream, end - start), _READ_BUFFER)

    def copy(self, source: SourceObject, key: str) -> None:
        """Copy the pinned version to another key."""
        origin = {"Bucket": self._bucket, "Key": source.key, "VersionId": source.version_id}
        with translated("The file store"):
            self._client.copy_object(Bucket=self._bucket, Key=key, CopySource=origin)  # type: ignore[arg-type]

    def delete(self, source: SourceObject) -> None:
        """Delete the pinned version for good; harmless when repeated."""
        with translated("The file store"):
            self._client.delete_object(Bucket=self._bucket, Key=source.key, VersionId=source.version_id)

    def read(self, key: str) -> bytes:
        """The object's bytes; for small objects of ours."""
        with translated("The file store"):
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Write or overwrite a small object."""
        with translated("The file store"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    @contextmanager
    def open_write(self, key: str, content_type: str) -> Iterator[BinaryIO]:
        """Write an object as a stream of parts; it appears when the block ends, and not if it ends by an exception."""
        from smart_open import open as smart_open  # noqa: PLC0415 (slow to import, and most functions never write)

        parameters = {
            "client": self._client,
            "client_kwargs": {"S3.Client.create_multipart_upload": {"ContentType": content_type}},
        }
        url = f"s3://{self._bucket}/{key}"
        with _streaming(), smart_open(url, "wb", compression="disable", transport_params=parameters) as stream:
            yield stream

    @contextmanager
    def open_read(self, key: str, start: int = 0) -> Iterator[BinaryIO]:
        """Stream an object of ours from byte `start`; nothing comes from behind its end."""
        try:
            with translated("The file store"):
                body = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-")["Body"]
        except ClientError as error:
            if error_code(error) != "InvalidRange":
                raise
            yield io.BytesIO()
            return
        with _streaming(), body:
            yield io.BufferedReader(_Window(body, None), _READ_BUFFER)

    def keys(self, prefix: str, *, start_after: str = "") -> Iterator[str]:
        """The keys under a prefix in order, from behind `start_after`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, StartAfter=start_after
        )
        with translated("The file store"):
            for page in pages:
                yield from (entry["Key"] for entry in page.get("Contents", []))

    @contextmanager
    def _reader(self, key: str, version_id: str, start: int, end: int) -> Iterator[BinaryIO]:
        from smart_open import open as smart_open  # noqa: PLC0415 (as above)

        parameters = {
            "client": self._client,
            "version_id": version_id,
            "defer_seek": True,
            "range_chunk_size": max(end - start, 1),
            "buffer_size": _READ_BUFFER,
        }
        url = f"s3://{self._bucket}/{key}"
        with _streaming(), smart_open(url, "rb", compression="disable", transport_params=parameters) as stream:
            stream.seek(start)
            yield stream


@contextmanager
def _streaming() -> Iterator[None]:
    """A stream that breaks off, or is shorter than promised, may be whole the next time."""
    try:
        with translated("The file store"):
            yield
    except (OSError, EOFError) as error:
        raise TransientError("The file store broke off") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Window(io.RawIOBase):
    """The next `length` bytes of a stream (all of them when None), for BufferedReader's fast `readline`.

    Raises EOFError when the stream ends before.
    """

    def __init__(self, stream: _Readable, length: int | None) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        wanted = len(view) if self._left is None else min(len(view), self._left)
        data = self._stream.read(wanted) if wanted else b""
        if wanted and not data and self._left is not None:
            raise EOFError(f"{self._left} bytes are missing at the end")
        view[: len(data)] = data
        if self._left is not None:
            self._left -= len(data)
        return len(data)
