"""A page of another origin gets into a bucket as its CORS configuration says."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.cloud import ACCESS_KEY, REGION, Cloud

PAGE = "https://page.example"


@pytest.fixture
def bucket(cloud: Cloud) -> str:
    """A bucket that the page may post to, with any header."""
    name = cloud.bucket()
    cloud.s3.put_bucket_cors(
        Bucket=name,
        CORSConfiguration={
            "CORSRules": [
                {
                    "AllowedOrigins": [PAGE, "https://*.preview.example"],
                    "AllowedMethods": ["POST", "GET"],
                    "AllowedHeaders": ["Content-*", "x-amz-date"],
                    "ExposeHeaders": ["ETag", "x-amz-version-id"],
                    "MaxAgeSeconds": 600,
                }
            ]
        },
    )
    return name


def preflight(
    cloud: Cloud, bucket: str, origin: str = PAGE, method: str = "POST", headers: str | None = None
) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return cloud.http.options(f"{cloud.endpoint}/{bucket}/key", headers=asked)


def test_an_allowed_preflight_is_answered(cloud: Cloud, bucket: str) -> None:
    """With the origin that asked, what it may do, and for how long the browser may remember."""
    answer = preflight(cloud, bucket, headers="Content-Type, X-Amz-Date")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-amz-date"
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert "Origin" in answer.headers["Vary"]
    assert preflight(cloud, bucket, origin="https://pr-7.preview.example").status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "https://page.example.elsewhere.example"},
        {"origin": "http://page.example"},
        {"method": "DELETE"},
        {"headers": "Content-Type, x-amz-acl"},
    ],
)
def test_a_preflight_that_is_not_allowed_is_refused(cloud: Cloud, bucket: str, asked: dict[str, str]) -> None:
    """Unpatched, method and headers are not looked at, and an allowed origin may be the beginning of another."""
    answer = preflight(cloud, bucket, **asked)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_a_configuration_no_page_gets_in(cloud: Cloud) -> None:
    """Unpatched, every page does."""
    bucket = cloud.bucket()
    assert preflight(cloud, bucket).status_code == 403
    url = cloud.s3.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket})
    answer = cloud.http.get(url, headers={"Origin": PAGE})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_answers_to_the_page_may_be_read_by_it(cloud: Cloud, bucket: str) -> None:
    """Uploads and errors alike, else the page could not say what went wrong. Unpatched, a form's cannot."""
    post = cloud.s3.generate_presigned_post(bucket, "k")
    files = {"file": ("a.csv", b"1")}
    for fields, status in ((post["fields"], 204), ({**post["fields"], "key": "other"}, 403)):
        answer = cloud.http.post(post["url"], data=fields, files=files, headers={"Origin": PAGE})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        assert answer.headers["Access-Control-Expose-Headers"] == "ETag, x-amz-version-id"
    elsewhere = cloud.http.post(
        post["url"], data=post["fields"], files=files, headers={"Origin": "https://else.example"}
    )
    assert "Access-Control-Allow-Origin" not in elsewhere.headers


def test_other_services_are_closed_to_pages(cloud: Cloud) -> None:
    """Unpatched, moto lets every page call DynamoDB."""
    headers = {
        "Origin": PAGE,
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{REGION}/dynamodb/aws4_request",
    }
    answer = cloud.http.post(cloud.endpoint, headers=headers, content="{}")
    assert "TableNames" in answer.json()
    assert "Access-Control-Allow-Origin" not in answer.headers
