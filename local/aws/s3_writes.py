"""An object's body goes from the socket into the file that keeps it, and one write to S3 happens at a time.

moto reads a body into memory, several times over for a form, and writes it to the object's file from there. Here
the middleware spools a large body into the temporary file that the object then takes over; copying an object
reads block by block. Two simultaneous writes of a key lose one of the versions in moto, and both can pass
`If-None-Match: *`: here they take turns. A POST form is answered as S3 does, with ETag, Location and version,
and on `success_action_status` 201 with a document.

Bodies that the client signs in chunks (aws-chunked) are still read whole, and the parts of a multipart upload
are joined in memory.
"""

from __future__ import annotations

import io
import tempfile
import threading
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from moto.s3.models import FakeKey, S3Backend
from moto.s3.responses import S3Response
from moto.settings import get_s3_default_key_buffer_size

from local.aws.patching import Patches
from local.aws.ranged_reads import StoredBytes, StoredKey
from local.aws.s3_errors import WsgiEnvironment, content_length

_BODY = "linefeed.object_body"
_SMALL = 1 << 20
_BLOCK = 1 << 20
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_STATUSES = frozenset({"200", "201", "204"})

Body = tempfile.SpooledTemporaryFile[bytes]


def new_body() -> Body:
    """An empty body, in memory up to the size up to which moto keeps an object there."""
    return tempfile.SpooledTemporaryFile(max_size=get_s3_default_key_buffer_size())


def attach(environ: WsgiEnvironment, body: Body) -> None:
    """Make `body` the request's body, as far as S3 is concerned."""
    environ[_BODY] = body


def spool(environ: WsgiEnvironment) -> None:
    """Read the body of a PUT into a file, if it is large and an object as it stands."""
    remaining = content_length(environ)
    chunked = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    if environ["REQUEST_METHOD"] != "PUT" or remaining <= _SMALL or chunked:
        return
    body = new_body()
    while remaining > 0 and (block := environ["wsgi.input"].read(min(remaining, _BLOCK))):
        body.write(block)
        remaining -= len(block)
    attach(environ, body)
    environ["wsgi.input"] = io.BytesIO()
    environ["CONTENT_LENGTH"] = "0"


def install(patches: Patches) -> None:
    """Patch S3's writes."""
    lock = threading.RLock()

    def take_body(original: Any) -> Any:
        def setup_class(response: Any, request: Any, *args: Any, **kwargs: Any) -> None:
            original(response, request, *args, **kwargs)
            if _BODY in request.environ:
                response.body = request.environ[_BODY]

        return setup_class

    def one_at_a_time(original: Any) -> Any:
        def respond(response: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if request.method not in _WRITES:
                return original(response, request, *args, **kwargs)
            with lock:
                return original(response, request, *args, **kwargs)

        return respond

    patches.wrap(S3Response, "setup_class", take_body)
    patches.wrap(S3Response, "_key_response", one_at_a_time)
    patches.wrap(S3Response, "_bucket_response", one_at_a_time)
    patches.wrap(S3Response, "_bucket_response_post", _answer_form)
    patches.wrap(S3Backend, "copy_object", _copy_by_block)
    value: Any = vars(FakeKey)["value"]
    patches.replace(FakeKey, "value", property(value.fget, _take_over(value.fset)))


def _take_over(original: Any) -> Any:
    def set_value(key: Any, value: Any) -> None:
        if isinstance(value, StoredBytes):
            for block in value:
                key._value_buffer.write(block)  # noqa: SLF001
            key.contentsize = len(value)
        elif isinstance(value, tempfile.SpooledTemporaryFile):
            key._value_buffer.close()  # noqa: SLF001
            key._value_buffer = value  # noqa: SLF001
            key.contentsize = value.seek(0, io.SEEK_END)
        else:
            original(key, value)

    return set_value


def _copy_by_block(original: Any) -> Any:
    def copy_object(backend: Any, src_key: Any, *args: Any, **kwargs: Any) -> Any:
        return original(backend, StoredKey(src_key), *args, **kwargs)

    return copy_object


def _answer_form(original: Any) -> Any:
    def bucket_response_post(response: Any, request: Any, bucket_name: str) -> Any:
        if _BODY not in request.environ:
            return original(response, request, bucket_name)
        _, headers, _ = original(response, request, bucket_name)
        name = response.querystring["key"][0]
        key = response.backend.get_object(bucket_name, name)
        location = f"{request.host_url}{bucket_name}/{quote(name)}"
        answer = {"ETag": key.etag, "Location": location, **response._get_cors_headers_other(), **headers}  # noqa: SLF001
        if key.version_id != "null":
            answer["x-amz-version-id"] = key.version_id
        if "success_action_redirect" in response.querystring:
            return 303, answer, ""
        status = response.querystring.get("success_action_status", ["204"])[0]
        if status != "201":
            return int(status) if status in _STATUSES else 204, answer, ""
        elements = {"Location": location, "Bucket": bucket_name, "Key": name, "ETag": key.etag}
        document = "".join(f"<{tag}>{escape(value)}</{tag}>" for tag, value in elements.items())
        return 201, answer, f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{document}</PostResponse>'

    return bucket_response_post
