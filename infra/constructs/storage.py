"""The bucket that files come into, and where the import keeps what it works with."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from shared.domain.parts import KEPT_FOR

_WORK_DAYS = 7
"""Chunks outlive their execution (6 hours at most) by enough days to look into a failure, and a day longer than an
upload can be retried by them (`RETRIED_WITHIN`)."""

_MEND_DAYS = 30
"""How long a version that was deleted or replaced can still be had back."""


class Storage(Construct):
    """One private, versioned bucket; the prefixes are those of `shared.domain.object_keys`.

    Who read or wrote an object, also by a presigned URL, stands in the access logs, in a bucket of their own.
    """

    def __init__(self, scope: Construct, construct_id: str, *, origins: list[str], retention_days: int) -> None:
        super().__init__(scope, construct_id)
        access_logs = s3.Bucket(
            self,
            "AccessLogs",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[s3.LifecycleRule(id="old", expiration=Duration.days(retention_days))],
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            versioned=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix="files/",
            cors=[_from_pages(origins)] if origins else None,
            lifecycle_rules=[
                _expire("incoming", retention_days),
                _expire("quarantine", retention_days),
                _expire("refused", retention_days),
                _expire("reports", retention_days),
                _expire("plans", retention_days),
                _expire("work", _WORK_DAYS),
                s3.LifecycleRule(
                    id="abandoned-parts", abort_incomplete_multipart_upload_after=Duration.days(KEPT_FOR.days)
                ),
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )


def _from_pages(origins: list[str]) -> s3.CorsRule:
    """What pages of these origins may do with a presigned form or URL."""
    return s3.CorsRule(
        allowed_origins=origins,
        allowed_methods=[s3.HttpMethods.POST, s3.HttpMethods.PUT, s3.HttpMethods.GET],
        allowed_headers=["*"],
        exposed_headers=["ETag", "Location"],
        max_age=3600,
    )


def _expire(prefix: str, days: int) -> s3.LifecycleRule:
    """Deletes a prefix's objects after `days`, and what versioning keeps of them some time later."""
    return s3.LifecycleRule(
        id=prefix,
        prefix=f"{prefix}/",
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(min(days, _MEND_DAYS)),
    )
