"""Reading ranges and versions of objects."""

from __future__ import annotations

import os
import time

import pytest
from botocore.exceptions import ClientError

from tests.contract.cloud import Cloud


@pytest.mark.parametrize("size", [1000, 12_000_000], ids=["in memory", "in a file"])
def test_a_range_is_read_from_the_version_that_was_asked_for(cloud: Cloud, size: int) -> None:
    """First bytes, middle, end, suffix, and beyond the end."""
    bucket, old, new = cloud.bucket(), os.urandom(size), os.urandom(size)
    version = cloud.s3.put_object(Bucket=bucket, Key="k", Body=old)["VersionId"]
    cloud.s3.put_object(Bucket=bucket, Key="k", Body=new)
    for asked, part in {
        "bytes=0-9": slice(10),
        "bytes=500-": slice(500, None),
        f"bytes={size - 5}-{size + 100}": slice(size - 5, None),
        "bytes=-7": slice(-7, None),
    }.items():
        answer = cloud.s3.get_object(Bucket=bucket, Key="k", VersionId=version, Range=asked)
        assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (206, old[part])
        assert answer["ContentRange"].endswith(f"/{size}")
        assert cloud.s3.get_object(Bucket=bucket, Key="k", Range=asked)["Body"].read() == new[part]
    with pytest.raises(ClientError, match="InvalidRange"):
        cloud.s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={size}-")


def test_a_small_range_of_a_large_object_takes_little_time(cloud: Cloud) -> None:
    """Ten of them less than two times the whole. Unpatched, each of them reads the whole object."""
    bucket = cloud.bucket()
    cloud.s3.put_object(Bucket=bucket, Key="k", Body=bytes(150_000_000))
    started = time.process_time()  # the server's and the client's, whatever else the machine does
    cloud.s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    whole, started = time.process_time() - started, time.process_time()
    for start in range(0, 100_000_000, 10_000_000):
        cloud.s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{start + 65_535}")["Body"].read()
    assert time.process_time() - started < 2 * whole


def test_an_object_that_is_replaced_is_read_to_its_end(cloud: Cloud) -> None:
    """A reader keeps what it began with, also in a bucket without versions."""
    bucket = cloud.bucket(versioned=False)
    cloud.s3.put_object(Bucket=bucket, Key="k", Body=b"1" * 30_000_000)
    body = cloud.s3.get_object(Bucket=bucket, Key="k")["Body"]
    beginning = body.read(10)
    cloud.s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert beginning + body.read() == b"1" * 30_000_000


def test_versions_can_be_looked_at_copied_and_deleted_one_by_one(cloud: Cloud) -> None:
    """What scan and quarantine rest on. This works in moto as it is."""
    bucket, s3 = cloud.bucket(), cloud.s3
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"second")["VersionId"]
    assert s3.head_object(Bucket=bucket, Key="k", VersionId=first)["ContentLength"] == 5
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == second
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k", "VersionId": first})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"first"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=second)["Body"].read() == b"second"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    with pytest.raises(ClientError, match="NoSuchVersion"):
        s3.get_object(Bucket=bucket, Key="k", VersionId=second)
