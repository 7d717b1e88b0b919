"""The DynamoDB tables: uploads, jobs, rate limits, audit, profiles, API keys, verdicts, live connections."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

UPLOADS_BY_CREATION = "byCreation"
UPLOADS_BY_STATE = "byState"
JOBS_BY_QUEUE = "byQueue"
API_KEYS_BY_TENANT = "byTenant"
CONNECTIONS_BY_TENANT = "byTenant"


class Tables(Construct):
    """On demand, restorable to any second of the last 35 days, emptied by the attribute `expiresAt`."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        # Whoever reads the stream reads the upload itself, as it is by then.
        self.uploads = _table(self, "Uploads", "tenantId", sort="uploadId", stream=dynamodb.StreamViewType.KEYS_ONLY)
        self.uploads.add_global_secondary_index(
            index_name=UPLOADS_BY_CREATION, partition_key=_text("tenantId"), sort_key=_text("createdAt")
        )
        # An upload that has ended has no `movedAt`, and so is not in it.
        self.uploads.add_global_secondary_index(
            index_name=UPLOADS_BY_STATE, partition_key=_text("state"), sort_key=_text("movedAt")
        )
        self.jobs = _table(self, "Jobs", "jobId", stream=dynamodb.StreamViewType.NEW_IMAGE)
        self.jobs.add_global_secondary_index(
            index_name=JOBS_BY_QUEUE, partition_key=_text("queueState"), sort_key=_text("queueOrder")
        )
        self.rate_limits = _table(self, "RateLimits", "limitKey")
        self.audit = _table(self, "Audit", "uploadKey", sort="eventId")
        self.profiles = _table(self, "Profiles", "tenantId", sort="profileName")  # kept until somebody deletes them
        self.api_keys = _table(self, "ApiKeys", "keyId")
        self.api_keys.add_global_secondary_index(
            index_name=API_KEYS_BY_TENANT, partition_key=_text("tenantId"), sort_key=_text("createdAt")
        )
        self.verdicts = _table(self, "Verdicts", "objectKey", sort="versionId")
        self.live_tickets = _table(self, "LiveTickets", "ticketDigest")
        self.live_connections = _table(self, "LiveConnections", "connectionId")
        self.live_connections.add_global_secondary_index(
            index_name=CONNECTIONS_BY_TENANT, partition_key=_text("tenantId")
        )


def _table(
    scope: Construct,
    construct_id: str,
    partition: str,
    *,
    sort: str | None = None,
    stream: dynamodb.StreamViewType | None = None,
) -> dynamodb.TableV2:
    return dynamodb.TableV2(
        scope,
        construct_id,
        partition_key=_text(partition),
        sort_key=_text(sort) if sort else None,
        billing=dynamodb.Billing.on_demand(),
        encryption=dynamodb.TableEncryptionV2.dynamo_owned_key(),
        time_to_live_attribute="expiresAt",
        dynamo_stream=stream,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        deletion_protection=True,
        removal_policy=RemovalPolicy.RETAIN,
    )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
