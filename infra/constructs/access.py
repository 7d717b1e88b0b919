"""What each function is told and may do: the least that its work needs, by action, table, index and prefix."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.configuration import Configuration
from infra.constructs.database import PORT
from infra.constructs.functions import Access
from infra.constructs.tables import (
    API_KEYS_BY_TENANT,
    CONNECTIONS_BY_TENANT,
    JOBS_BY_QUEUE,
    UPLOADS_BY_CREATION,
    UPLOADS_BY_STATE,
)
from infra.stacks.data import DataStack

_READ_VERSIONS = ("s3:GetObject", "s3:GetObjectVersion")
_WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")
_QUALITY = "work/*/*/quality"
"""Where chunks keep their statistics: beside the list of the chunks, which no chunk may change."""

_PREVIEWS = "work/*/*/preview"
"""What people are shown before an import, beside the plan, which tells more."""


def function_access(data: DataStack, configuration: Configuration) -> dict[str, Access]:
    """The access of every function in the manifest, by module name."""
    told = _environment(data, configuration)
    identifying = _identifying(data, told)
    return {
        **_sending_access(data, told, identifying),
        **_reading_access(data, told, identifying),
        **_live_access(data, told, identifying),
        **_scan_access(data, told),
        **_import_access(data, told),
    }


_Identifying = list[iam.PolicyStatement]
"""What it takes to know who is asking."""


def _identifying(data: DataStack, told: _Environment) -> _Identifying:
    """With oidc the issuer's public keys are all that is needed; the functions fetch them, being in no VPC."""
    secret = [_secret(data.auth_secret)] if "AUTH_SECRET_ARN" in _session_settings(told) else []
    return [_items(data.tables.api_keys, "GetItem"), *secret]


def _sending_access(data: DataStack, told: _Environment, identifying: _Identifying) -> dict[str, Access]:
    """The functions by which people send files and change what becomes of them."""
    tables, objects, sessions = data.tables, _Objects(data.bucket), _session_settings(told)
    return {
        "start_upload": Access(
            told.of(
                *("MAX_FILE_SIZE", "MULTIPART_BYTES"),
                *("UPLOAD_RATE_LIMIT", "TENANT_UPLOAD_RATE_LIMIT", "API_KEY_UPLOAD_RATE_LIMIT"),
                *("UPLOAD_URL_SECONDS", "RETENTION_DAYS", "BUCKET"),
                *("UPLOADS_TABLE", "PROFILES_TABLE", "RATE_LIMITS_TABLE", "AUDIT_TABLE"),
                *sessions,
            ),
            [
                # A correction is noted at the upload that it corrects.
                _items(tables.uploads, "GetItem", "PutItem", "UpdateItem"),
                _items(tables.profiles, "GetItem", "Query"),
                _items(tables.rate_limits, "UpdateItem"),
                _items(tables.audit, "PutItem"),
                # The browser's POST is signed with this role's credentials, so it can do no more than this.
                objects.may(["s3:PutObject"], "incoming"),
                *identifying,
            ],
        ),
        "send_parts": Access(
            told.of("UPLOAD_URL_SECONDS", "RETENTION_DAYS", "BUCKET", "UPLOADS_TABLE", "AUDIT_TABLE", *sessions),
            [
                _items(tables.uploads, "GetItem"),
                # A part's PUT is signed with this role's credentials, so it can do no more than this.
                objects.may(["s3:PutObject", "s3:ListMultipartUploadParts", "s3:GetObject"], "incoming"),
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=[data.bucket.bucket_arn]),
                *identifying,
            ],
        ),
        "change_upload": Access(
            told.of("RETENTION_DAYS", "UPLOADS_TABLE", "PROFILES_TABLE", "JOBS_TABLE", "AUDIT_TABLE", *sessions),
            [
                _items(tables.uploads, "GetItem", "UpdateItem"),
                _items(tables.profiles, "GetItem", "Query"),
                _items(tables.jobs, "PutItem", "UpdateItem"),
                _items(tables.audit, "PutItem"),
                *identifying,
            ],
        ),
    }


def _reading_access(data: DataStack, told: _Environment, identifying: _Identifying) -> dict[str, Access]:
    """The functions by which people see what came of their files, and keep their tenant's profiles and keys."""
    tables, objects, sessions = data.tables, _Objects(data.bucket), _session_settings(told)
    return {
        "manage_profiles": Access(
            told.of("RETENTION_DAYS", "PROFILES_TABLE", *sessions),
            [_items(tables.profiles, "GetItem", "Query", "PutItem", "DeleteItem"), *identifying],
        ),
        "manage_api_keys": Access(
            told.of("RETENTION_DAYS", *sessions),
            [
                _items(tables.api_keys, "PutItem", "UpdateItem"),
                _query(tables.api_keys, API_KEYS_BY_TENANT),
                *identifying,
            ],
        ),
        "read_status": Access(
            told.of("RETENTION_DAYS", "BUCKET", "UPLOADS_TABLE", "AUDIT_TABLE", *sessions),
            [
                _items(tables.uploads, "GetItem", "BatchGetItem"),
                _query(tables.uploads, UPLOADS_BY_CREATION),
                _items(tables.audit, "PutItem", "Query"),
                objects.may(["s3:GetObject"], "refused", "reports", "plans", _PREVIEWS),
                objects.may(_WRITE, "reports"),
                objects.may_list("refused", "reports"),
                *identifying,
            ],
        ),
    }


def _live_access(data: DataStack, told: _Environment, identifying: _Identifying) -> dict[str, Access]:
    """The functions that tell pages what changes, without what `LiveApi` lets them do with its connections."""
    tables, objects = data.tables, _Objects(data.bucket)
    return {
        "open_live": Access(
            told.of("LIVE_TICKETS_TABLE", "RATE_LIMITS_TABLE", *_session_settings(told)),
            [_items(tables.live_tickets, "PutItem"), _items(tables.rate_limits, "UpdateItem"), *identifying],
        ),
        "connect_live": Access(
            told.of("LIVE_TICKETS_TABLE", "LIVE_CONNECTIONS_TABLE"),
            [_items(tables.live_tickets, "DeleteItem"), _items(tables.live_connections, "PutItem")],
        ),
        "disconnect_live": Access(told.of("LIVE_CONNECTIONS_TABLE"), [_items(tables.live_connections, "DeleteItem")]),
        "answer_live": Access(),
        "push_changes": Access(
            told.of("UPLOADS_TABLE", "BUCKET", "LIVE_CONNECTIONS_TABLE", "API_KEYS_TABLE"),
            [
                _items(tables.uploads, "GetItem", "BatchGetItem"),  # an upload is told with its corrections
                _query(tables.live_connections, CONNECTIONS_BY_TENANT),
                _items(tables.live_connections, "DeleteItem"),
                _items(tables.api_keys, "GetItem"),
                # What is wrong with the first refused rows is told with an upload that has ended.
                objects.may(["s3:GetObject"], "refused"),
                objects.may_list("refused"),
            ],
        ),
    }


def _scan_access(data: DataStack, told: _Environment) -> dict[str, Access]:
    """The functions that decide whether an object may be read."""
    tables, objects = data.tables, _Objects(data.bucket)
    scanning = ("SCANNER", "CLAMD_ADDRESS", "SCANNER_DEFINITIONS_DAYS")
    uploads = ("RETENTION_DAYS", "BUCKET", "UPLOADS_TABLE", "AUDIT_TABLE")
    scanner = told.of("SCANNER")["SCANNER"]
    by_guardduty = scanner == "guardduty"
    put_away = [
        _items(tables.uploads, "GetItem", "UpdateItem"),
        _items(tables.audit, "PutItem"),
        objects.may([*_READ_VERSIONS, "s3:DeleteObjectVersion"], "incoming"),
        objects.may(["s3:PutObject"], "quarantine"),
        # Without it S3 answers 403, and not 404, to a question for an object that is gone.
        iam.PolicyStatement(actions=["s3:ListBucket"], resources=[data.bucket.bucket_arn]),
    ]
    verdicts = ("VERDICTS_TABLE",) if by_guardduty else ()
    return {
        "scan_upload": Access(
            told.of("MAX_FILE_SIZE", *scanning, *uploads, "JOBS_TABLE", *verdicts),
            [
                *put_away,
                _items(tables.jobs, "PutItem", "UpdateItem"),
                *([_items(tables.verdicts, "GetItem")] if by_guardduty else []),
            ],
        ),
        "give_up_scan": Access(told.of(*uploads), put_away),
        "take_verdict": Access(
            told.of(*uploads, "VERDICTS_TABLE"),
            [_items(tables.uploads, "GetItem"), _items(tables.verdicts, "PutItem")],
        ),
        "scan_with_clamav": Access(
            told.of("BUCKET", "MAX_FILE_SIZE"),
            [
                objects.may(_READ_VERSIONS, "incoming"),
                objects.may(["s3:GetObject"], "definitions"),
                objects.may_list("definitions"),
            ],
        ),
        "refresh_clamav": Access(
            told.of("BUCKET"),
            [objects.may(["s3:GetObject", *_WRITE], "definitions"), objects.may_list("definitions")],
        ),
    }


def _session_settings(told: _Environment) -> tuple[str, ...]:
    """What proves who is asking, by setting; all but the secret are told with either provider."""
    claims = ("API_KEYS_TABLE", "AUTH_PROVIDER", "AUTH_TENANT_CLAIM", "AUTH_ROLE_CLAIM", "PAGE_ORIGINS")
    issuer = ("OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_AUDIENCE_CLAIM")
    secret = ("AUTH_SECRET_ARN",) if told.of("AUTH_PROVIDER")["AUTH_PROVIDER"] == "nextauth" else ()
    return (*claims, *issuer, *secret)


def _import_access(data: DataStack, told: _Environment) -> dict[str, Access]:
    """The queue, the steps of the state machine, and the migrations."""
    tables, objects = data.tables, _Objects(data.bucket)
    tables_and_bucket = ("RETENTION_DAYS", "BUCKET", "UPLOADS_TABLE", "JOBS_TABLE", "AUDIT_TABLE")
    database = ("DATABASE_HOST", "DATABASE_PORT", "DATABASE_SECRET_ARN")
    end_import = [
        _items(tables.uploads, "GetItem", "UpdateItem"),
        _items(tables.jobs, "UpdateItem"),
        _items(tables.audit, "PutItem"),
        objects.may(["s3:GetObject"], "refused", _QUALITY),
        objects.may_list("refused"),
        objects.may_list(_QUALITY),
        objects.may(_WRITE, "reports"),
    ]
    end_import.append(_secret(data.database.secret))
    return {
        "dispatch_job": Access(
            told.of("JOB_CONCURRENCY", "RETENTION_DAYS", "JOBS_TABLE"),
            [_items(tables.jobs, "GetItem", "UpdateItem"), _query(tables.jobs, JOBS_BY_QUEUE)],
        ),
        "sweep_uploads": Access(
            told.of("UPLOAD_URL_SECONDS", *tables_and_bucket),
            [
                _items(tables.uploads, "GetItem", "UpdateItem"),
                _query(tables.uploads, UPLOADS_BY_STATE),
                _items(tables.jobs, "GetItem", "PutItem", "UpdateItem"),
                _items(tables.audit, "PutItem"),
                # To see whether a file has come; without the listing S3 answers 403, and not 404, where none has.
                objects.may(["s3:GetObject"], "incoming"),
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=[data.bucket.bucket_arn]),
            ],
        ),
        "plan_import": Access(
            told.of("CHUNK_BYTES", "PROFILES_TABLE", *tables_and_bucket),
            [
                _items(tables.uploads, "GetItem", "BatchGetItem", "UpdateItem"),
                # An import whose preview a person is to look at gives up its slot.
                _items(tables.jobs, "UpdateItem"),
                _items(tables.profiles, "GetItem", "Query", "PutItem"),
                _items(tables.audit, "PutItem"),
                objects.may(_READ_VERSIONS, "incoming"),
                # To find where an import stops it reads the chunks ahead, also staged ones, and keeps what it refuses.
                # A correction is read by the plan of the upload that it corrects, and has refused rows of it alone.
                objects.may(["s3:GetObject"], "work", "plans", "refused"),
                objects.may(_WRITE, "work", "plans", "refused"),
                objects.may_list("refused", "plans"),
            ],
        ),
        "load_chunk": Access(
            told.of("RETENTION_DAYS", "BUCKET", "UPLOADS_TABLE", *database),
            [
                _items(tables.uploads, "GetItem", "UpdateItem"),
                objects.may(_READ_VERSIONS, "incoming"),
                objects.may(["s3:GetObject"], "work", "plans"),
                objects.may(_WRITE, "refused", _QUALITY),
                _secret(data.database.secret),
            ],
            data.network,
        ),
        "finish_import": Access(told.of(*tables_and_bucket, *database), end_import, data.network),
        "fail_import": Access(
            told.of(*tables_and_bucket, *database, "JOB_ATTEMPTS", "JOB_RETRY_SECONDS"),
            [*end_import, _items(tables.jobs, "GetItem")],
            data.network,
        ),
        "undo_import": Access(
            told.of("RETENTION_DAYS", "UPLOADS_TABLE", "JOBS_TABLE", "AUDIT_TABLE", *database),
            [
                _items(tables.uploads, "GetItem", "UpdateItem"),
                _items(tables.jobs, "UpdateItem"),
                _items(tables.audit, "PutItem"),
                _secret(data.database.secret),
            ],
            data.network,
        ),
        "migrate_database": Access(told.of(*database), [_secret(data.database.secret)], data.network),
    }


class _Environment:
    """Every setting's value by its name in capitals, of which each function is told those that it needs."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def of(self, *names: str) -> dict[str, str]:
        """The named ones."""
        return {name: self._values[name] for name in names}


def _environment(data: DataStack, configuration: Configuration) -> _Environment:
    """What the operator chose and what the data stack has."""
    return _Environment(
        {
            **{name: str(value) for name, value in configuration.settings.items()},
            "PAGE_ORIGINS": json.dumps(configuration.browser_origins),
            "BUCKET": data.bucket.bucket_name,
            "UPLOADS_TABLE": data.tables.uploads.table_name,
            "JOBS_TABLE": data.tables.jobs.table_name,
            "RATE_LIMITS_TABLE": data.tables.rate_limits.table_name,
            "AUDIT_TABLE": data.tables.audit.table_name,
            "PROFILES_TABLE": data.tables.profiles.table_name,
            "API_KEYS_TABLE": data.tables.api_keys.table_name,
            "LIVE_TICKETS_TABLE": data.tables.live_tickets.table_name,
            "LIVE_CONNECTIONS_TABLE": data.tables.live_connections.table_name,
            "VERDICTS_TABLE": data.tables.verdicts.table_name,
            "AUTH_SECRET_ARN": data.auth_secret.secret_arn,
            "DATABASE_HOST": data.database.proxy.endpoint,
            "DATABASE_PORT": str(PORT),
            "DATABASE_SECRET_ARN": data.database.secret.secret_arn,
        }
    )


class _Objects:
    """Statements about the bucket's prefixes."""

    def __init__(self, bucket: s3.IBucket) -> None:
        self._bucket = bucket

    def may(self, actions: Iterable[str], *prefixes: str) -> iam.PolicyStatement:
        """Actions on the objects under some prefixes."""
        resources = [self._bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes]
        return iam.PolicyStatement(actions=list(actions), resources=resources)

    def may_list(self, *prefixes: str) -> iam.PolicyStatement:
        """The listing of some prefixes."""
        return iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[self._bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}},
        )


def _items(table: dynamodb.ITableV2, *actions: str) -> iam.PolicyStatement:
    """Actions on a table's items."""
    return iam.PolicyStatement(actions=[f"dynamodb:{action}" for action in actions], resources=[table.table_arn])


def _query(table: dynamodb.ITableV2, index: str) -> iam.PolicyStatement:
    """The listing of one index."""
    return iam.PolicyStatement(actions=["dynamodb:Query"], resources=[f"{table.table_arn}/index/{index}"])


def _secret(secret: secretsmanager.ISecret) -> iam.PolicyStatement:
    """The reading of one secret."""
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn])
