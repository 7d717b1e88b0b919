"""A presigned URL works for what was signed, for as long as was signed, and for nothing else.

Unpatched moto lets every one of the refused requests here pass, unless a test says otherwise.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from moto.s3.models import FakeKey

from local.aws import sigv4
from tests.contract.cloud import ACCESS_KEY, Cloud, slow_down

Change = Callable[[str], str]


def error_of(answer: httpx.Response) -> tuple[int, str]:
    code = re.search(r"<Code>(\w+)</Code>", answer.text)
    return answer.status_code, code[1] if code else ""


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A versioned bucket with the object `dir/a b+c.csv`."""
    name = cloud.bucket()
    cloud.s3.put_object(Bucket=name, Key="dir/a b+c.csv", Body=b"a,b\n1,2\n", ContentType="text/csv")
    return name


def get_url(cloud: Cloud, bucket: str, **parameters: str) -> str:
    return cloud.s3.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "dir/a b+c.csv", **parameters}, ExpiresIn=60
    )


def test_a_signed_get_is_answered(cloud: Cloud, bucket: str) -> None:
    """Also for a key with spaces and signs, a version, and an overridden header."""
    version = cloud.s3.head_object(Bucket=bucket, Key="dir/a b+c.csv")["VersionId"]
    url = get_url(cloud, bucket, VersionId=version, ResponseContentDisposition='attachment; filename="ü.csv"')
    answer = cloud.http.get(url)
    assert (answer.status_code, answer.content) == (200, b"a,b\n1,2\n")
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_signed_put_stores_the_object(cloud: Cloud, bucket: str) -> None:
    """With the signed type and metadata."""
    parameters = {"Bucket": bucket, "Key": "new.csv", "ContentType": "text/csv", "Metadata": {"origin": "line 4"}}
    url = cloud.s3.generate_presigned_url("put_object", Params=parameters)
    headers = {"Content-Type": "text/csv", "x-amz-meta-origin": "line 4"}
    assert cloud.http.put(url, content=b"x" * 10, headers=headers).status_code == 200
    stored = cloud.s3.head_object(Bucket=bucket, Key="new.csv")
    assert (stored["ContentLength"], stored["ContentType"], stored["Metadata"]) == (
        10,
        "text/csv",
        {"origin": "line 4"},
    )


TAMPERED: dict[str, tuple[Change, str]] = {
    "another key": (lambda url: url.replace("a%20b", "other"), "SignatureDoesNotMatch"),
    "another signature": (lambda url: url[:-1] + ("0" if url[-1] != "0" else "1"), "SignatureDoesNotMatch"),
    "a longer expiry": (lambda url: url.replace("Expires=60", "Expires=6000"), "SignatureDoesNotMatch"),
    "another parameter": (lambda url: url + "&versionId=null", "SignatureDoesNotMatch"),
    "an unknown access key": (lambda url: url.replace(ACCESS_KEY, "AKIANOBODY"), "InvalidAccessKeyId"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_url_is_refused(cloud: Cloud, bucket: str, what: str) -> None:
    """Every part of the URL is signed."""
    change, code = TAMPERED[what]
    assert error_of(cloud.http.get(change(get_url(cloud, bucket)))) == (403, code)


def test_a_url_is_for_one_method(cloud: Cloud, bucket: str) -> None:
    """Who may read may not write or delete."""
    url = get_url(cloud, bucket)
    assert error_of(cloud.http.put(url, content=b"")) == (403, "SignatureDoesNotMatch")
    assert error_of(cloud.http.delete(url)) == (403, "SignatureDoesNotMatch")
    assert cloud.http.head(url).status_code == 403


def test_an_expired_url_is_refused(cloud: Cloud, bucket: str) -> None:
    """However right its signature is."""
    url = cloud.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "x"}, ExpiresIn=1)
    time.sleep(1.1)
    answer = cloud.http.get(url)
    assert error_of(answer) == (403, "AccessDenied")
    assert "Request has expired" in answer.text


def test_a_signed_header_must_come_as_signed(cloud: Cloud, bucket: str) -> None:
    """A content type, or the condition that nothing is overwritten."""
    url = cloud.s3.generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": "k", "ContentType": "text/csv", "IfNoneMatch": "*"}
    )
    right = {"Content-Type": "text/csv", "If-None-Match": "*"}
    wrong = {**right, "Content-Type": "text/html"}
    assert error_of(cloud.http.put(url, content=b"1", headers=wrong)) == (403, "SignatureDoesNotMatch")
    assert error_of(cloud.http.put(url, content=b"1", headers={"Content-Type": "text/csv"}))[0] == 403
    assert cloud.http.put(url, content=b"1", headers=right).status_code == 200
    assert error_of(cloud.http.put(url, content=b"2", headers=right)) == (412, "PreconditionFailed")


def test_of_simultaneous_writes_one_finds_the_key_free(
    cloud: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If-None-Match is checked and kept in one step. Unpatched, several pass, and some versions are lost."""
    slow_down(monkeypatch, FakeKey, "__init__", 0.02)
    url = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "IfNoneMatch": "*"})
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda n: cloud.http.put(url, content=b"%d" % n, headers={"If-None-Match": "*"}), range(10))
        )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 9]


def test_an_amz_header_that_was_not_signed_is_refused(cloud: Cloud, bucket: str) -> None:
    """Otherwise an uploader could open the object to all, or tag it as scanned."""
    url = cloud.s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    answer = cloud.http.put(url, content=b"1", headers={"x-amz-tagging": "scan=clean"})
    assert error_of(answer) == (403, "AccessDenied")
    assert "<HeadersNotSigned>x-amz-tagging</HeadersNotSigned>" in answer.text


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_an_anonymous_request_is_refused(cloud: Cloud, bucket: str, method: str) -> None:
    """Also for a key that does not exist. Unpatched, such a key can be written."""
    path = f"{cloud.endpoint}/{bucket}/new.csv"
    assert cloud.http.request(method, path).status_code == 403


def test_an_authorization_header_does_not_excuse_a_signed_url(cloud: Cloud, bucket: str) -> None:
    """Requests signed in the header pass unverified here, so a URL may not borrow from them."""
    header = {"Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/eu-central-1/s3/aws4_request"}
    url = get_url(cloud, bucket).replace("a%20b", "other")
    assert error_of(cloud.http.get(url, headers=header)) == (400, "InvalidArgument")


def test_signature_version_2_is_refused(cloud: Cloud, bucket: str) -> None:
    """As in every region since 2014; boto3 presigns with it unless told otherwise."""
    url = f"{cloud.endpoint}/{bucket}/k?AWSAccessKeyId={ACCESS_KEY}&Signature=x&Expires=9999999999"
    assert error_of(cloud.http.get(url)) == (400, "InvalidRequest")


def test_the_signature_is_that_of_the_documentation() -> None:
    """AWS' own example of a presigned URL, from the S3 API reference."""
    credential = sigv4.Credential.parse("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request")
    query = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
        ("X-Amz-Date", "20130524T000000Z"),
        ("X-Amz-Expires", "86400"),
        ("X-Amz-SignedHeaders", "host"),
    ]
    request = sigv4.canonical_request(
        "GET", "/test.txt", query, {"host": "examplebucket.s3.amazonaws.com"}, ["host"], "UNSIGNED-PAYLOAD"
    )
    text = sigv4.string_to_sign("20130524T000000Z", credential, request)
    assert sigv4.sign("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", credential, text) == (
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
