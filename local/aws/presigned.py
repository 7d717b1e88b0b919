"""S3 serves a request without an Authorization header only when its URL or its form is signed, and in time.

moto checks no presigned URL and no POST policy: any signature, any key, any size, for ever, and anonymous reads
too. This WSGI middleware stands in front of it and answers S3's errors:

- presigned URLs (GET, PUT, and whatever else): signature, expiry, and that every x-amz header sent was signed;
- POST forms: signature, expiration, every condition of the policy, that each field has a condition, and that the
  file has the SHA-256 that a field gives;
- SigV2, two signatures at once, and no signature at all are refused.

Bodies go through temporary files (s3_writes.py), never whole into memory. Requests signed in the Authorization
header, which only clients with the keys make, pass unverified. Not checked: the region in the scope, session
tokens, and bucket policies that would allow anonymous access.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import io
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY

from local.aws import s3_writes, sigv4
from local.aws.post_form import PostForm
from local.aws.post_policy import check_policy
from local.aws.s3_errors import (
    S3Error,
    StartResponse,
    WsgiApplication,
    WsgiEnvironment,
    access_denied,
    discard_body,
    invalid_argument,
)
from local.aws.sigv4 import ALGORITHM, Credential

_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_LONGEST_EXPIRY = 7 * 24 * 3600
_CLOCK_SKEW = timedelta(minutes=15)
_QUERY_PARAMETERS = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")
_FORM_FIELDS = ("key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
_NEED_NOT_BE_SIGNED = frozenset({"x-amz-content-sha256"})


class PresignedRequests:
    """The middleware. `credentials` maps the access keys that may sign to their secrets."""

    def __init__(self, application: WsgiApplication, credentials: Mapping[str, str]) -> None:
        self._application = application
        self._credentials = credentials

    def __call__(self, environ: WsgiEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let a request through, verified if need be, or answer S3's error."""
        try:
            self._admit(environ)
        except S3Error as error:
            discard_body(environ)
            return error.answer(environ, start_response)
        return self._application(environ, start_response)

    def _admit(self, environ: WsgiEnvironment) -> None:
        query = dict(sigv4.query_pairs(environ.get("QUERY_STRING", "")))
        in_header = "HTTP_AUTHORIZATION" in environ
        in_query = "X-Amz-Algorithm" in query or "X-Amz-Signature" in query
        if in_header and (in_query or "Signature" in query):
            raise invalid_argument("Only one auth mechanism allowed.", ArgumentName="Authorization")
        if in_query:
            self._admit_url(environ, query)
        elif "Signature" in query or "AWSAccessKeyId" in query:
            raise _sigv2()
        elif _is_form(environ):
            self._admit_form(environ)
        elif not in_header and not _is_for_another_service(environ):
            raise access_denied("Access Denied")
        elif in_header and "/s3/aws4_request" in environ["HTTP_AUTHORIZATION"]:
            s3_writes.spool(environ)

    def _admit_url(self, environ: WsgiEnvironment, query: Mapping[str, str]) -> None:
        missing = [name for name in _QUERY_PARAMETERS if name not in query]
        if missing or query.get("X-Amz-Algorithm") != ALGORITHM:
            raise _bad_query(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            )
        credential = _credential(query["X-Amz-Credential"])
        if credential.service != "s3":
            return
        _check_url_time(query, credential)
        headers = _headers(environ)
        signed = query["X-Amz-SignedHeaders"].split(";")
        unsigned = [
            name for name in headers if name.startswith("x-amz-") and name not in {*signed, *_NEED_NOT_BE_SIGNED}
        ]
        if "host" not in signed or unsigned:
            raise access_denied(
                "There were headers present in the request which were not signed",
                HeadersNotSigned=", ".join(unsigned or ["host"]),
            )
        request = sigv4.canonical_request(
            environ["REQUEST_METHOD"],
            environ["RAW_URI"].partition("?")[0],
            [pair for pair in sigv4.query_pairs(environ["QUERY_STRING"]) if pair[0] != "X-Amz-Signature"],
            headers,
            signed,
            headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        )
        text = sigv4.string_to_sign(query["X-Amz-Date"], credential, request)
        self._check_signature(credential, text, query["X-Amz-Signature"])
        _authorize(environ, query["X-Amz-Credential"])
        s3_writes.spool(environ)

    def _admit_form(self, environ: WsgiEnvironment) -> None:
        form = PostForm(environ)
        try:
            fields = form.read_fields()
            bucket = environ["PATH_INFO"].strip("/")
            if "/" in bucket:
                raise S3Error(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", "A form is posted to a bucket.")
            if "signature" in fields or "awsaccesskeyid" in fields:
                raise _sigv2()
            if "policy" not in fields and "x-amz-signature" not in fields:
                raise access_denied("Access Denied")
            for name in _FORM_FIELDS:
                if name not in fields:
                    raise invalid_argument(
                        f"Bucket POST must contain a field named '{name}'.  "
                        "If it is specified, please check the order of the fields.",
                        ArgumentName=name,
                    )
            credential = _credential(fields["x-amz-credential"])
            if fields["x-amz-algorithm"] != ALGORITHM or credential.service != "s3":
                raise invalid_argument("Only AWS4-HMAC-SHA256 signatures for s3 are supported.")
            self._check_signature(credential, fields["policy"], fields["x-amz-signature"])
            file_name = form.file_name.replace("\\", "/").rpartition("/")[2]
            fields["key"] = fields["key"].replace("${filename}", file_name)
            sizes = check_policy(_policy(fields["policy"]), fields, bucket, datetime.now(UTC))
            body = s3_writes.new_body()
            size = form.copy_file(body, limit=sizes.maximum)
            sizes.check(size)
            _check_sha256(fields, body)
        finally:
            form.discard()
            environ["CONTENT_LENGTH"] = "0"
        _authorize(environ, fields["x-amz-credential"])
        s3_writes.attach(environ, body)
        encoded = urlencode(fields).encode()
        environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        environ["CONTENT_LENGTH"] = str(len(encoded))
        environ["wsgi.input"] = io.BytesIO(encoded)

    def _check_signature(self, credential: Credential, text: str, signature: str) -> None:
        secret = self._credentials.get(credential.access_key)
        if secret is None:
            raise S3Error(
                HTTPStatus.FORBIDDEN,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
                AWSAccessKeyId=credential.access_key,
            )
        if not hmac.compare_digest(sigv4.sign(secret, credential, text).encode(), signature.encode()):
            raise S3Error(
                HTTPStatus.FORBIDDEN,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
                AWSAccessKeyId=credential.access_key,
                StringToSign=text,
            )


def _is_form(environ: WsgiEnvironment) -> bool:
    content_type = str(environ.get("CONTENT_TYPE", "")).lower()
    return environ["REQUEST_METHOD"] == "POST" and content_type.startswith("multipart/form-data")


def _is_for_another_service(environ: WsgiEnvironment) -> bool:
    """True for moto's own pages, and for protocols that S3 does not speak."""
    path, content_type = str(environ["PATH_INFO"]), str(environ.get("CONTENT_TYPE", ""))
    return (
        path.startswith("/moto-api")
        or "HTTP_X_AMZ_TARGET" in environ
        or content_type.startswith("application/x-www-form-urlencoded")
    )


def _credential(text: str) -> Credential:
    try:
        return Credential.parse(text)
    except ValueError as error:
        raise _bad_query("Error parsing the X-Amz-Credential parameter.") from error


def _check_url_time(query: Mapping[str, str], credential: Credential) -> None:
    try:
        signed_at = datetime.strptime(query["X-Amz-Date"], _DATE_FORMAT).replace(tzinfo=UTC)
        seconds = int(query["X-Amz-Expires"])
    except ValueError as error:
        raise _bad_query("X-Amz-Date and X-Amz-Expires must be a date and a number of seconds.") from error
    if not query["X-Amz-Date"].startswith(credential.date):
        raise _bad_query("The date in the credential is not the date of the signature.")
    if not 0 < seconds <= _LONGEST_EXPIRY:
        raise _bad_query("X-Amz-Expires must be between 1 and 604800 seconds.")
    now, expires = datetime.now(UTC), signed_at + timedelta(seconds=seconds)
    if signed_at > now + _CLOCK_SKEW:
        raise access_denied("Request is not valid yet")
    if now > expires:
        raise access_denied(
            "Request has expired", Expires=expires.isoformat(), ServerTime=now.isoformat(timespec="seconds")
        )


def _headers(environ: WsgiEnvironment) -> dict[str, str]:
    """The request's headers by their names in lower case, as they were sent."""
    names: Mapping[str, str] = environ.get(PRESERVED_HEADER_NAMES_ENVIRON_KEY) or {}
    headers = {}
    for key, value in environ.items():
        if key.startswith("HTTP_") or key in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            headers[names.get(key, key.removeprefix("HTTP_").replace("_", "-")).lower()] = str(value)
    return headers


def _policy(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise S3Error(HTTPStatus.BAD_REQUEST, "InvalidPolicyDocument", "Invalid Policy: Invalid Base64.") from error


def _check_sha256(fields: Mapping[str, str], body: s3_writes.Body) -> None:
    wanted = fields.get("x-amz-checksum-sha256")
    if wanted is None:
        return
    body.seek(0)
    if b64encode(hashlib.file_digest(body, "sha256").digest()).decode() != wanted:
        message = "The SHA256 you specified did not match the calculated checksum."
        raise S3Error(HTTPStatus.BAD_REQUEST, "BadDigest", message)


def _authorize(environ: WsgiEnvironment, credential: str) -> None:
    """Tell moto for which service and access key the request was verified."""
    environ["HTTP_AUTHORIZATION"] = f"{ALGORITHM} Credential={credential}, SignedHeaders=host, Signature=verified"


def _bad_query(message: str) -> S3Error:
    return S3Error(HTTPStatus.BAD_REQUEST, "AuthorizationQueryParametersError", message)


def _sigv2() -> S3Error:
    return S3Error(
        HTTPStatus.BAD_REQUEST,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
