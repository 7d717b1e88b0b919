"""What the stack of the data promises: private, recoverable, encrypted."""

from __future__ import annotations

import pytest

from tests.infra.conftest import PAGE_ORIGIN
from tests.infra.templates import Templates


def test_bucket_is_private_and_versioned(templates: Templates) -> None:
    """Nothing in a bucket can be made public, and no version of a file is lost by an overwrite."""
    files = templates.bucket_of_files()[1]
    assert files["VersioningConfiguration"] == {"Status": "Enabled"}
    buckets = templates.of_type("AWS::S3::Bucket")
    for bucket in buckets.values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert "BucketEncryption" in bucket
    with_acls = [
        name
        for name, bucket in buckets.items()
        if bucket["OwnershipControls"] != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    ]
    # CloudFront writes its log with an ACL, and in no other way.
    assert [name[: len("PageLogs")] for name in with_acls] == ["PageLogs"]


def test_who_reads_or_writes_files_is_logged(templates: Templates) -> None:
    """In a bucket of its own, which nothing else is written to."""
    for name, properties in templates.of_type("AWS::S3::Bucket").items():
        if "Logs" not in name:
            assert "Logs" in properties["LoggingConfiguration"]["DestinationBucketName"]["Ref"]


def test_bucket_refuses_plain_http(templates: Templates) -> None:
    """A request without TLS is denied to everybody."""
    policies = templates.of_type("AWS::S3::BucketPolicy")
    assert len(policies) == len(templates.of_type("AWS::S3::Bucket"))
    for policy in policies.values():
        assert any(
            statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["PolicyDocument"]["Statement"]
        )


def test_only_named_pages_may_call_from_a_browser(templates: Templates) -> None:
    """CORS names their origins and no other, at the bucket and at the API."""
    [rule] = templates.bucket_of_files()[1]["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == [PAGE_ORIGIN]
    assert templates.api()[1]["CorsConfiguration"]["AllowOrigins"] == [PAGE_ORIGIN]


def test_each_prefix_expires(templates: Templates) -> None:
    """Every prefix that keys are made under has a rule, and old versions go as well."""
    rules = {
        rule["Prefix"]: rule
        for rule in templates.bucket_of_files()[1]["LifecycleConfiguration"]["Rules"]
        if "Prefix" in rule
    }
    assert rules.keys() == {"incoming/", "quarantine/", "work/", "refused/", "reports/", "plans/"}
    assert all(rule["NoncurrentVersionExpiration"] for rule in rules.values())
    assert rules["refused/"]["ExpirationInDays"] == 90
    assert rules["plans/"]["ExpirationInDays"] == 90  # an upload's corrections are read by its plan
    assert rules["work/"]["ExpirationInDays"] < 90


def test_tables_can_be_restored_and_expire_their_items(templates: Templates) -> None:
    """Each table is on demand, has point-in-time recovery and TTL, and survives the stack."""
    tables = templates.of_type("AWS::DynamoDB::GlobalTable")
    assert len(tables) == 9
    for name, table in tables.items():
        [replica] = table["Replicas"]
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert replica["DeletionProtectionEnabled"]
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
        assert templates.resources[name]["DeletionPolicy"] == "Retain"


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("Uploads", ["tenantId", "uploadId"]),
        ("Jobs", ["jobId"]),
        ("RateLimits", ["limitKey"]),
        ("Audit", ["uploadKey", "eventId"]),
        ("Profiles", ["tenantId", "profileName"]),
        ("ApiKeys", ["keyId"]),
        ("LiveTickets", ["ticketDigest"]),
        ("LiveConnections", ["connectionId"]),
    ],
)
def test_tables_have_the_keys_that_the_code_writes(templates: Templates, table: str, keys: list[str]) -> None:
    """A tenant's items share a partition of their own, and an upload's events one of theirs."""
    [properties] = [
        properties
        for name, properties in templates.of_type("AWS::DynamoDB::GlobalTable").items()
        if name.startswith(f"Tables{table}")
    ]
    assert [key["AttributeName"] for key in properties["KeySchema"]] == keys


def test_the_queue_is_listed_by_state_and_order(templates: Templates) -> None:
    """Whole jobs, in the order in which they are started, are due or died."""
    tables = templates.of_type("AWS::DynamoDB::GlobalTable")
    [jobs] = [table for name, table in tables.items() if name.startswith("TablesJobs")]
    [index] = jobs["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "byQueue"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["queueState", "queueOrder"]
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_uploads_are_listed_by_state_and_since_when(templates: Templates) -> None:
    """For the sweep: by an attribute that only uploads have that have not ended."""
    tables = templates.of_type("AWS::DynamoDB::GlobalTable")
    [uploads] = [table for name, table in tables.items() if name.startswith("TablesUploads")]
    keys = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in uploads["GlobalSecondaryIndexes"]
    }
    assert keys == {"byCreation": ["tenantId", "createdAt"], "byState": ["state", "movedAt"]}


def test_postgres_cannot_be_reached_from_outside(templates: Templates) -> None:
    """Neither instance, subnets nor security groups let anything in but the functions of the system."""
    assert templates.only("AWS::RDS::DBInstance")["PubliclyAccessible"] is False
    assert not templates.of_type("AWS::EC2::InternetGateway")
    assert not templates.of_type("AWS::EC2::NatGateway")
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in templates.of_type("AWS::EC2::Subnet").values())
    assert not any("SecurityGroupIngress" in group for group in templates.of_type("AWS::EC2::SecurityGroup").values())
    rules = templates.of_type("AWS::EC2::SecurityGroupIngress").values()
    assert rules
    assert all("SourceSecurityGroupId" in rule and "CidrIp" not in rule for rule in rules)


def test_postgres_is_encrypted_on_disk_and_on_the_wire(templates: Templates) -> None:
    """Storage is encrypted, and both the proxy and the database refuse a connection without TLS."""
    assert templates.only("AWS::RDS::DBInstance")["StorageEncrypted"] is True
    assert templates.only("AWS::RDS::DBProxy")["RequireTLS"] is True
    assert templates.only("AWS::RDS::DBParameterGroup")["Parameters"]["rds.force_ssl"] == "1"


def test_database_is_kept(templates: Templates) -> None:
    """The database outlives a mistake: a standby, two weeks of backups, protection against deletion."""
    instance = templates.only("AWS::RDS::DBInstance")
    assert instance["MultiAZ"] is True
    assert instance["BackupRetentionPeriod"] >= 14
    assert instance["DeletionProtection"] is True
    [name] = templates.of_type("AWS::RDS::DBInstance")
    assert templates.resources[name]["DeletionPolicy"] == "Retain"


def test_secrets_are_generated_and_kept(templates: Templates) -> None:
    """No secret's value stands in a template, and none is deleted with the stack."""
    secrets = templates.of_type("AWS::SecretsManager::Secret")
    assert len(secrets) == 2
    assert all("GenerateSecretString" in secret and "SecretString" not in secret for secret in secrets.values())
    assert all(templates.resources[name]["DeletionPolicy"] == "Retain" for name in secrets)
