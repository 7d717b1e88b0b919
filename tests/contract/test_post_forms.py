"""A presigned POST uploads what its policy allows: the page's way to upload.

Unpatched moto checks neither signature nor policy, so every refusal here is a success there.
"""

from __future__ import annotations

import tempfile
import threading
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import psutil
import pytest

from local.aws.post_policy import check_policy
from local.aws.s3_errors import S3Error
from tests.contract.cloud import Cloud
from tests.contract.test_presigned_urls import error_of

KEY = "incoming/tenant/upload/source.csv"
CSV = b"machine,parts\nm1,5\n"


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """An empty versioned bucket."""
    return cloud.bucket()


def form(cloud: Cloud, bucket: str, key: str = KEY, **changes: Any) -> dict[str, str]:
    """The fields as start_upload makes them: exact key and type, 1 to 1,000 bytes."""
    fields = {"Content-Type": "text/csv", **changes.pop("fields", {})}
    conditions = [{"Content-Type": "text/csv"}, ["content-length-range", 1, 1000], *changes.pop("conditions", [])]
    post = cloud.s3.generate_presigned_post(bucket, key, Fields=fields, Conditions=conditions, **changes)
    return {str(name): str(value) for name, value in post["fields"].items()}


def send(cloud: Cloud, bucket: str, fields: dict[str, str], content: Any = CSV, name: str = "a.csv") -> httpx.Response:
    return cloud.http.post(f"{cloud.endpoint}/{bucket}", data=fields, files={"file": (name, content)}, timeout=60)


def keys(cloud: Cloud, bucket: str) -> list[str]:
    return [found["Key"] for found in cloud.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_what_the_policy_allows_is_stored(cloud: Cloud, bucket: str) -> None:
    """The answer names the version, as S3's does; moto's does not."""
    answer = send(cloud, bucket, form(cloud, bucket))
    stored = cloud.s3.get_object(Bucket=bucket, Key=KEY)
    assert (answer.status_code, answer.headers["x-amz-version-id"]) == (204, stored["VersionId"])
    assert answer.headers["ETag"] == stored["ETag"]
    assert (stored["Body"].read(), stored["ContentType"]) == (CSV, "text/csv")


@pytest.mark.parametrize(("content", "status"), [(CSV, 204), (b"machine,parts\nm1,6\n", 400)])
def test_a_form_with_a_checksum_takes_these_bytes_alone(cloud: Cloud, bucket: str, content: bytes, status: int) -> None:
    """As S3 does where a field of the form gives it."""
    fields = {
        "x-amz-checksum-algorithm": "SHA256",
        "x-amz-checksum-sha256": b64encode(sha256(CSV).digest()).decode(),
    }
    conditions = [{name: value} for name, value in fields.items()]
    answer = send(cloud, bucket, form(cloud, bucket, fields=fields, conditions=conditions), content)
    assert answer.status_code == status
    assert keys(cloud, bucket) == ([KEY] if status == 204 else [])


def test_success_action_status_201_is_answered_with_a_document(cloud: Cloud, bucket: str) -> None:
    """Upload widgets read Location and Key from it."""
    status = {"success_action_status": "201"}
    answer = send(cloud, bucket, form(cloud, bucket, fields=status, conditions=[status]))
    assert answer.status_code == 201
    assert f"<Key>{KEY}</Key>" in answer.text


def test_the_file_name_is_put_into_the_key(cloud: Cloud, bucket: str) -> None:
    """Without the folders that it may claim, and before the policy looks at the key."""
    fields = form(cloud, bucket, key="incoming/${filename}")
    assert send(cloud, bucket, fields, name="../../etc/passwd").status_code == 204
    assert keys(cloud, bucket) == ["incoming/passwd"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"key": "incoming/other-tenant/upload/source.csv"}, (403, "AccessDenied")),
        ({"Content-Type": "text/html"}, (403, "AccessDenied")),
        ({"acl": "public-read"}, (403, "AccessDenied")),
        ({"x-amz-meta-scan": "clean"}, (403, "AccessDenied")),
        ({"x-amz-signature": "0" * 64}, (403, "SignatureDoesNotMatch")),
        ({"policy": "e30="}, (403, "SignatureDoesNotMatch")),
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, (400, "InvalidArgument")),
        ({"x-amz-date": "20200101T000000Z"}, (403, "AccessDenied")),
    ],
)
def test_a_changed_or_added_field_is_refused(
    cloud: Cloud, bucket: str, change: dict[str, str], expected: tuple[int, str]
) -> None:
    """Each field has to be as the policy says, and to stand in it at all."""
    assert error_of(send(cloud, bucket, form(cloud, bucket) | change)) == expected
    assert keys(cloud, bucket) == []


@pytest.mark.parametrize("left_out", ["key", "policy", "x-amz-signature", "x-amz-credential", "x-amz-date"])
def test_a_form_that_lacks_a_field_is_refused(cloud: Cloud, bucket: str, left_out: str) -> None:
    """Half a signature is none."""
    fields = form(cloud, bucket)
    del fields[left_out]
    assert error_of(send(cloud, bucket, fields)) == (400, "InvalidArgument")


def test_an_unsigned_form_is_refused(cloud: Cloud, bucket: str) -> None:
    """An anonymous upload."""
    assert error_of(send(cloud, bucket, {"key": KEY})) == (403, "AccessDenied")


def test_a_form_is_for_one_bucket(cloud: Cloud, bucket: str) -> None:
    """The policy of one bucket opens no other."""
    assert error_of(send(cloud, cloud.bucket(), form(cloud, bucket))) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("size", "code"), [(0, "EntityTooSmall"), (1001, "EntityTooLarge"), (3_000_000, "EntityTooLarge")]
)
def test_the_file_must_have_an_allowed_size(cloud: Cloud, bucket: str, size: int, code: str) -> None:
    """Counted from the bytes that came, whatever was declared."""
    answer = send(cloud, bucket, form(cloud, bucket), b"x" * size)
    assert error_of(answer) == (400, code)
    assert f"<ProposedSize>{size}</ProposedSize>" in answer.text
    assert keys(cloud, bucket) == []


def test_an_expired_form_is_refused(cloud: Cloud, bucket: str) -> None:
    """By the policy's expiration."""
    fields = form(cloud, bucket, ExpiresIn=1)
    time.sleep(1.1)
    answer = send(cloud, bucket, fields)
    assert error_of(answer) == (403, "AccessDenied")
    assert "Invalid according to Policy: Policy expired." in answer.text


def test_fields_after_the_file_do_not_count(cloud: Cloud, bucket: str) -> None:
    """So a second key cannot be smuggled in behind the checks."""
    parts = [(name, (None, value)) for name, value in form(cloud, bucket).items()]
    answer = cloud.http.post(
        f"{cloud.endpoint}/{bucket}", files=[*parts, ("file", ("a.csv", CSV)), ("key", (None, "incoming/evil"))]
    )
    assert (answer.status_code, keys(cloud, bucket)) == (204, [KEY])


def test_a_field_given_twice_is_refused(cloud: Cloud, bucket: str) -> None:
    """The checks and the store could pick different ones."""
    parts = [(name, (None, value)) for name, value in [*form(cloud, bucket).items(), ("key", "incoming/evil")]]
    answer = cloud.http.post(f"{cloud.endpoint}/{bucket}", files=[*parts, ("file", ("a.csv", CSV))])
    assert error_of(answer) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"--limit\r\nContent-Disposition: form-data; name=key\r\n\r\nk\r\n--limit--\r\n", "InvalidArgument"),
        (b"--limit\r\nContent-Disposition: form-data; name=key\r\n\r\nk", "MalformedPOSTRequest"),
        (b"no parts", "MalformedPOSTRequest"),
        (
            b"--limit\r\nContent-Disposition: form-data; name=key\r\n\r\n" + b"k" * 50_000,
            "MaxPostPreDataLengthExceeded",
        ),
    ],
    ids=["no file", "cut off", "no parts", "endless field"],
)
def test_a_body_that_is_no_form_is_refused(cloud: Cloud, bucket: str, body: bytes, code: str) -> None:
    """With an error and not with a hang."""
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    answer = cloud.http.post(f"{cloud.endpoint}/{bucket}", content=body, headers=headers)
    assert error_of(answer) == (400, code)


def test_a_file_that_looks_like_boundaries_is_stored_as_it_is_in_little_time(cloud: Cloud, bucket: str) -> None:
    """Parsing takes time in proportion to the size, also for what almost ends the file at every byte."""
    content = b"\r\n--" * 5_000_000
    fields = dict(cloud.s3.generate_presigned_post(bucket, KEY)["fields"])
    started = time.process_time()
    assert send(cloud, bucket, fields, content).status_code == 204
    assert time.process_time() - started < 5
    assert cloud.s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == content


def test_a_large_file_is_not_held_in_memory(cloud: Cloud, bucket: str) -> None:
    """96 MB up and down again. Unpatched, the server, which is this process, holds it several times."""
    size = 96 * 1024 * 1024
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, psutil.Process().memory_info().rss)

    fields = dict(cloud.s3.generate_presigned_post(bucket, KEY)["fields"])
    before = psutil.Process().memory_info().rss
    watcher = threading.Thread(target=watch)
    watcher.start()
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        assert send(cloud, bucket, fields, file).status_code == 204
        cloud.s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": KEY})
        body = cloud.s3.get_object(Bucket=bucket, Key="copy")["Body"]
        assert sum(len(block) for block in body.iter_chunks(1 << 20)) == size
    done.set()
    watcher.join()
    assert peak - before < 48 * 1024 * 1024


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def policy(*conditions: str, expiration: str = "2026-01-01T00:05:00Z") -> bytes:
    return f'{{"expiration": "{expiration}", "conditions": [{", ".join(conditions)}]}}'.encode()


def test_conditions_of_every_kind_are_understood() -> None:
    """Equality in both forms, starts-with for anything, for a prefix and for lists of types, and a size range."""
    sizes = check_policy(
        policy(
            '["eq", "$key", "a"]', '{"acl": "private"}', '["starts-with", "$x-amz-meta-name", ""]',
            '["starts-with", "$Content-Type", "text/"]', '["content-length-range", "1", 9]',
        ),
        {"key": "a", "acl": "private", "x-amz-meta-name": "n", "content-type": "text/a,text/b", "x-ignore-a": "1"},
        "bucket",
        NOW,
    )  # fmt: skip
    assert (sizes.minimum, sizes.maximum) == (1, 9)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (policy('["eq", "$key", "b"]'), "AccessDenied"),
        (policy('["starts-with", "$key", "b"]'), "AccessDenied"),
        (policy('{"key": "a"}', '{"bucket": "other"}'), "AccessDenied"),
        (policy('{"key": "a"}', '{"acl": "private"}'), "AccessDenied"),
        (policy('{"key": "a"}', expiration=(NOW - timedelta(seconds=1)).isoformat()), "AccessDenied"),
        (policy('["like", "$key", "a"]'), "InvalidPolicyDocument"),
        (policy('["content-length-range", 1, "many"]'), "InvalidPolicyDocument"),
        (policy('{"key": "a"}', expiration="tomorrow"), "InvalidPolicyDocument"),
        (b'{"expiration": "2026-01-01T00:05:00Z"}', "InvalidPolicyDocument"),
        (b'{"conditions": []}', "InvalidPolicyDocument"),
        (b"not json", "InvalidPolicyDocument"),
    ],
)
def test_a_policy_that_is_not_met_or_not_readable_is_refused(document: bytes, code: str) -> None:
    """The signer's mistakes are refused as well: nothing is allowed by accident."""
    with pytest.raises(S3Error) as refusal:
        check_policy(document, {"key": "a"}, "bucket", NOW)
    assert refusal.value.code == code
