"""The one place that makes clients: each adapter once for a process, when it is first asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3  # noqa: TID251 (the one place)
from botocore.config import Config

from shared.adapters.api_gateway_sockets import ApiGatewaySockets
from shared.adapters.dynamodb_api_keys import DynamoApiKeys
from shared.adapters.dynamodb_jobs import DynamoJobQueue
from shared.adapters.dynamodb_live import DynamoLiveConnections, DynamoLiveTickets
from shared.adapters.dynamodb_profiles import DynamoProfiles
from shared.adapters.dynamodb_rate_limits import DynamoRateLimiter
from shared.adapters.dynamodb_uploads import DynamoUploads
from shared.adapters.dynamodb_verdicts import DynamoVerdicts
from shared.adapters.lambda_scan_step import LambdaScanStep
from shared.adapters.lambda_step import LambdaStep
from shared.adapters.s3_objects import S3Objects
from shared.adapters.step_functions import StepFunctionsExecutions
from shared.adapters.streamed_scan import StreamedScan
from shared.settings import get_settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from shared.adapters.clamav_daemon import ClamavEngine
    from shared.adapters.clamav_definitions import ClamavDefinitions
    from shared.adapters.postgres_records import PostgresRecords
    from shared.adapters.sessions import Sessions
    from shared.services.ports import Scanner

_CLAMAV_FOLDER = Path("/tmp/clamav")  # noqa: S108 (in Lambda the only place that can be written)
_RETRIES = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=20)
# For what must not wait: whoever does not answer is told the next time.
_IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=3)
# Path style: the other one signs for a global name that redirects while a bucket outside us-east-1 is new.
_S3 = _RETRIES.merge(Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


@cache
def _dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_RETRIES)


def _step(function: str) -> LambdaStep:
    return LambdaStep(boto3.client("lambda", config=_RETRIES), function=function)


@cache
def uploads() -> DynamoUploads:
    """Uploads and, in the same transactions, their audit."""
    settings = get_settings()
    return DynamoUploads(
        _dynamodb(),
        uploads_table=settings.uploads_table,
        audit_table=settings.audit_table,
        retention_days=settings.retention_days,
    )


@cache
def profiles() -> DynamoProfiles:
    """The tenants' profiles."""
    return DynamoProfiles(_dynamodb(), table=get_settings().profiles_table)


@cache
def api_keys() -> DynamoApiKeys:
    """The plant servers' keys."""
    settings = get_settings()
    return DynamoApiKeys(_dynamodb(), table=settings.api_keys_table, retention_days=settings.retention_days)


@cache
def live_tickets() -> DynamoLiveTickets:
    """What opens live connections."""
    return DynamoLiveTickets(_dynamodb(), table=get_settings().live_tickets_table)


@cache
def live_connections() -> DynamoLiveConnections:
    """Who is connected."""
    return DynamoLiveConnections(_dynamodb(), table=get_settings().live_connections_table)


@cache
def sockets() -> ApiGatewaySockets:
    """The live connections themselves; they are managed where they are made, over http in the place of ws."""
    endpoint = f"http{get_settings().live_url.removeprefix('ws')}"
    return ApiGatewaySockets(boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, config=_IMPATIENT))


@cache
def scanner() -> Scanner | None:
    """What looks for malware, as SCANNER says; None where nothing does."""
    settings = get_settings()
    if settings.scanner == "guardduty":
        return verdicts()
    if settings.scanner == "clamav":
        from shared.adapters.clamav_function import ClamavFunction  # noqa: PLC0415

        patient = _RETRIES.merge(Config(read_timeout=100, retries={"total_max_attempts": 1}))
        return ClamavFunction(boto3.client("lambda", config=patient), function=settings.scan_with_clamav_function)
    if settings.scanner == "clamd":
        from shared.adapters.clamd_scanner import ClamdScanner  # noqa: PLC0415

        return StreamedScan(objects(), ClamdScanner(settings.clamd_address))
    if settings.scanner == "demo":
        from shared.adapters.demo_scanner import DemoScanner  # noqa: PLC0415

        return StreamedScan(objects(), DemoScanner())
    return None


@cache
def clamav_definitions() -> ClamavDefinitions:
    """ClamAV's definitions on this machine; for the container that has ClamAV."""
    from shared.adapters.clamav_definitions import ClamavDefinitions  # noqa: PLC0415

    return ClamavDefinitions(objects(), _CLAMAV_FOLDER / "definitions")


@cache
def clamav_engine() -> ClamavEngine:
    """ClamAV itself; for the container that has it."""
    from shared.adapters.clamav_daemon import ClamavDaemon, ClamavEngine  # noqa: PLC0415

    daemon = ClamavDaemon(clamav_definitions(), _CLAMAV_FOLDER, largest=get_settings().max_file_size)
    return ClamavEngine(objects(), daemon)


@cache
def verdicts() -> DynamoVerdicts:
    """What GuardDuty has said."""
    return DynamoVerdicts(_dynamodb(), table=get_settings().verdicts_table)


@cache
def scan_step() -> LambdaScanStep:
    """The scan function, for whatever else than S3's event asks for it."""
    settings = get_settings()
    return LambdaScanStep(_step(settings.scan_upload_function), bucket=settings.bucket)


@cache
def queue() -> DynamoJobQueue:
    """The jobs and their slots."""
    settings = get_settings()
    return DynamoJobQueue(_dynamodb(), table=settings.jobs_table, retention_days=settings.retention_days)


@cache
def limiter() -> DynamoRateLimiter:
    """The rate limits."""
    return DynamoRateLimiter(_dynamodb(), table=get_settings().rate_limits_table, clock=clock)


@cache
def objects() -> S3Objects:
    """The bucket."""
    return S3Objects(boto3.client("s3", config=_S3), bucket=get_settings().bucket)


@cache
def executions() -> StepFunctionsExecutions:
    """The state machine."""
    client = boto3.client("stepfunctions", config=_RETRIES)
    return StepFunctionsExecutions(client, state_machine_arn=get_settings().state_machine_arn)


@cache
def sessions() -> Sessions:
    """Whoever proves who is asking, as AUTH_PROVIDER says; what only one way needs is loaded for that way alone."""
    from shared.adapters.sessions import ClaimNames  # noqa: PLC0415

    settings = get_settings()
    names = ClaimNames(tenant=settings.auth_tenant_claim, role=settings.auth_role_claim)
    if settings.auth_provider == "oidc":
        from shared.adapters.issuer_keys import IssuerKeys, fetch_json  # noqa: PLC0415
        from shared.adapters.oidc_sessions import OidcSessions  # noqa: PLC0415

        return OidcSessions(
            IssuerKeys(settings.oidc_issuer, fetch_json),
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            audience_claim=settings.oidc_audience_claim,
            names=names,
        )
    from shared.adapters.nextauth_sessions import NextAuthSessions  # noqa: PLC0415
    from shared.adapters.secrets import read_secret  # noqa: PLC0415

    secrets = partial(read_secret, settings.auth_secret_arn)
    return NextAuthSessions(secrets, page_origins=settings.page_origins, names=names)


@cache
def fail_step() -> LambdaStep:
    """The step that ends imports that were lost or cancelled."""
    return _step(get_settings().fail_import_function)


@cache
def undo_step() -> LambdaStep:
    """The step that takes an upload's rows out of the table."""
    return _step(get_settings().undo_import_function)


@cache
def records() -> PostgresRecords:
    """The records in Postgres; the driver is loaded only by the functions that ask for it."""
    from shared.adapters.postgres import Postgres, configured_address  # noqa: PLC0415
    from shared.adapters.postgres_records import PostgresRecords  # noqa: PLC0415

    return PostgresRecords(Postgres(lambda: configured_address(get_settings())))
