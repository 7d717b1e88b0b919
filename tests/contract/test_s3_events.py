"""S3 calls a function once for each new object, and tells it which version that is."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.contract.cloud import Cloud, wait_for


class Watched:
    """A versioned bucket whose new objects under `incoming/` a function is told of."""

    def __init__(self, cloud: Cloud, handler: Callable[[Any], Any] = lambda _: None) -> None:
        self._cloud = cloud
        self.name = cloud.bucket()
        self.function = cloud.function(handler)
        cloud.s3.put_bucket_notification_configuration(
            Bucket=self.name,
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {
                        "LambdaFunctionArn": cloud.arn(self.function),
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "incoming/"}]}},
                    }
                ]
            },
        )

    @property
    def records(self) -> list[dict[str, Any]]:
        """All that the function was told."""
        return [record for event in self._cloud.host.events_of(self.function) for record in event["Records"]]

    def only_record(self) -> dict[str, Any]:
        """The record that has come; a moment later there is still no other."""
        wait_for(lambda: self.records)
        time.sleep(0.1)
        assert len(self.records) == 1
        return self.records[0]


@pytest.fixture
def bucket(cloud: Cloud) -> Watched:
    """A watched bucket whose function does nothing."""
    return Watched(cloud)


def test_a_put_is_told_with_its_version(cloud: Cloud, bucket: Watched) -> None:
    """Unpatched, the record lacks versionId and sequencer, and slashes come as %2F."""
    key = "incoming/Linie 4/größe+1.csv"
    stored = cloud.s3.put_object(Bucket=bucket.name, Key=key, Body=b"12345")
    record = bucket.only_record()
    told = record["s3"]["object"]
    assert (record["eventName"], record["awsRegion"], record["eventVersion"]) == (
        "ObjectCreated:Put", "eu-central-1", "2.1"
    )  # fmt: skip
    assert (told["size"], told["eTag"], told["versionId"]) == (5, stored["ETag"].strip('"'), stored["VersionId"])
    assert told["key"] == "incoming/Linie+4/gr%C3%B6%C3%9Fe%2B1.csv"
    assert unquote_plus(told["key"]) == key
    assert re.fullmatch(r"[0-9A-F]{16,}", told["sequencer"])
    assert record["s3"]["bucket"]["name"] == bucket.name


def test_a_form_is_told_once(cloud: Cloud, bucket: Watched) -> None:
    """As a Post, with the version that the uploader was told."""
    post = cloud.s3.generate_presigned_post(bucket.name, "incoming/a.csv")
    answer = cloud.http.post(post["url"], data=post["fields"], files={"file": ("a.csv", b"123")})
    record = bucket.only_record()
    assert record["eventName"] == "ObjectCreated:Post"
    assert record["s3"]["object"]["versionId"] == answer.headers["x-amz-version-id"]


def test_a_copy_is_told_once(cloud: Cloud, bucket: Watched) -> None:
    """As a Copy of the new object."""
    cloud.s3.put_object(Bucket=bucket.name, Key="elsewhere/a.csv", Body=b"123")
    source = {"Bucket": bucket.name, "Key": "elsewhere/a.csv"}
    cloud.s3.copy_object(Bucket=bucket.name, Key="incoming/a.csv", CopySource=source)  # type: ignore[arg-type]
    record = bucket.only_record()
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Copy", "incoming/a.csv")


def test_a_multipart_upload_is_told_once(cloud: Cloud, bucket: Watched) -> None:
    """When it is complete. Unpatched, there is a Put besides."""
    place: Any = {"Bucket": bucket.name, "Key": "incoming/a.csv"}
    upload = cloud.s3.create_multipart_upload(**place)["UploadId"]
    sizes = [5 * 1024 * 1024, 10]
    parts = [
        cloud.s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=bytes(size))
        for number, size in enumerate(sizes, 1)
    ]
    numbered: Any = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(parts, 1)]
    done = cloud.s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": numbered})
    record = bucket.only_record()
    assert record["eventName"] == "ObjectCreated:CompleteMultipartUpload"
    told = record["s3"]["object"]
    assert (told["size"], told["versionId"], told["eTag"]) == (sum(sizes), done["VersionId"], done["ETag"].strip('"'))


def test_only_keys_with_the_prefix_are_told(cloud: Cloud, bucket: Watched) -> None:
    """Otherwise the scan would scan its own results."""
    cloud.s3.put_object(Bucket=bucket.name, Key="reports/a.csv", Body=b"")
    cloud.s3.put_object(Bucket=bucket.name, Key="incoming/a.csv", Body=b"")
    assert bucket.only_record()["s3"]["object"]["key"] == "incoming/a.csv"


def test_sequencers_tell_the_order_of_writes(cloud: Cloud, bucket: Watched) -> None:
    """Events may come out of order; later writes have greater sequencers."""
    versions = [cloud.s3.put_object(Bucket=bucket.name, Key="incoming/a.csv", Body=b"")["VersionId"] for _ in range(5)]
    wait_for(lambda: len(bucket.records) == 5)
    told = sorted((record["s3"]["object"] for record in bucket.records), key=lambda one: str(one["sequencer"]))
    assert [one["versionId"] for one in told] == versions


def test_the_uploader_does_not_wait_for_the_function(cloud: Cloud) -> None:
    """Unpatched, the PUT lasts as long as the scan."""
    go_on, ended = threading.Event(), threading.Event()

    def handle(_: Any) -> None:
        go_on.wait(10)
        ended.set()

    bucket = Watched(cloud, handle)
    cloud.s3.put_object(Bucket=bucket.name, Key="incoming/a.csv", Body=b"")
    assert not ended.is_set()
    wait_for(lambda: bucket.records)
    go_on.set()


def test_the_function_sees_the_object_as_it_was_stored(cloud: Cloud) -> None:
    """Unpatched, a form's event is sent before its content type is stored."""
    seen: list[str] = []
    bucket = Watched(cloud, lambda event: seen.append(content_type(event["Records"][0])))

    def content_type(record: Any) -> str:
        return cloud.s3.head_object(Bucket=bucket.name, Key=record["s3"]["object"]["key"])["ContentType"]

    kind = {"Content-Type": "text/csv"}
    post = cloud.s3.generate_presigned_post(bucket.name, "incoming/a.csv", Fields=kind, Conditions=[kind])
    cloud.http.post(post["url"], data=post["fields"], files={"file": ("a.csv", b"123")})
    wait_for(lambda: seen)
    assert seen == ["text/csv"]
