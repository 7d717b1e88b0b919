"""The settings: one class, read from the environment once per process.

Names of resources (`*_TABLE`, `BUCKET`, `*_ARN`) come from the CDK app; the others have defaults that an
operator may change there (`cdk.json`, context `settings`).
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

Bytes = Annotated[int, Field(gt=0)]
Seconds = Annotated[int, Field(gt=0)]
ClaimName = Annotated[str, Field(min_length=1, max_length=200)]
AuthProvider = Literal["nextauth", "oidc"]
AudienceClaim = Literal["aud", "client_id"]

_ISSUER = r"^(https://[^\s/?#@]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1)(:\d+)?(/[^\s?#]*)?)?$"


def needed_by_oidc(value: str, info: ValidationInfo) -> str:
    """A value that cannot be left out when access tokens of an issuer are what counts."""
    if info.data.get("auth_provider") == "oidc" and not value:
        raise ValueError("AUTH_PROVIDER oidc needs it")
    return value


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals."""

    # What an operator chooses
    max_file_size: Bytes = Field(104_857_600, description="Largest file that may be uploaded, in bytes.")
    upload_rate_limit: Annotated[int, Field(gt=0)] = Field(10, description="Uploads an hour and user.")
    tenant_upload_rate_limit: Annotated[int, Field(gt=0)] = Field(1000, description="Uploads an hour and tenant.")
    api_key_upload_rate_limit: Annotated[int, Field(gt=0)] = Field(300, description="Uploads an hour and API key.")
    multipart_bytes: Bytes = Field(104_857_600, description="Size above which a file is sent in parts, in bytes.")
    upload_url_seconds: Seconds = Field(900, description="How long a presigned upload URL works.")
    job_concurrency: Annotated[int, Field(gt=0)] = Field(5, description="Imports that run at the same time.")
    job_attempts: Annotated[int, Field(gt=0)] = Field(
        5, description="How often an import is tried while what it needs does not answer."
    )
    job_retry_seconds: Seconds = Field(
        60, description="Longest wait before the second attempt; before each later one it is twice as long."
    )
    chunk_bytes: Bytes = Field(8_388_608, description="Size at which a chunk is cut, in bytes.")
    retention_days: Annotated[int, Field(gt=0)] = Field(90, description="How long uploads and audit are kept.")
    auth_provider: AuthProvider = Field(
        "nextauth", description="Whose sessions count: `nextauth` (NextAuth v4 and Auth.js v5) or `oidc`."
    )
    auth_tenant_claim: ClaimName = Field("tenant", description="The session's claim with the tenant.")
    auth_role_claim: ClaimName = Field("role", description="The session's claim with the role.")
    oidc_issuer: Annotated[str, Field(pattern=_ISSUER)] = Field(
        "", description="Issuer of access tokens, as their `iss` has it.", validate_default=True
    )
    oidc_audience: str = Field(
        "",
        description="Whom access tokens must be for: this API's name there, or the client's id.",
        validate_default=True,
    )
    oidc_audience_claim: AudienceClaim = Field(
        "aud", description="The claim with it: `client_id` for Cognito, whose access tokens have no `aud`."
    )

    scanner: Literal["guardduty", "clamav", "clamd", "none", "demo"] = Field(
        "guardduty", description="What looks for malware; `demo` is for one machine and no antivirus."
    )
    clamd_address: str = Field("", description="clamd's `host:port`, or `unix:/path`.")
    scanner_definitions_days: Annotated[int, Field(ge=0)] = Field(
        7, description="Age from which definitions are too old to trust; 0 where the age is not asked."
    )

    # What the deployment fills in
    page_origins: tuple[str, ...] = Field((), description="Origins of the pages that upload, as a JSON list.")
    bucket: str = ""
    uploads_table: str = ""
    jobs_table: str = ""
    rate_limits_table: str = ""
    audit_table: str = ""
    profiles_table: str = ""
    api_keys_table: str = ""
    live_tickets_table: str = ""
    live_connections_table: str = ""
    live_url: str = Field("", description="Where pages connect to be told of changes: the WebSocket API's address.")
    verdicts_table: str = Field("", description="What GuardDuty has said of objects.")
    state_machine_arn: str = ""
    scan_upload_function: str = Field("", description="The function that scans an object.")
    scan_with_clamav_function: str = Field("", description="The function that has ClamAV, where SCANNER is `clamav`.")
    fail_import_function: str = Field("", description="The function that ends a lost or cancelled import.")
    undo_import_function: str = Field("", description="The function that takes an upload's rows out of the table.")
    auth_secret_arn: str = Field(
        "", description="Secret with NextAuth's secrets, newest first: one a line, or a JSON list."
    )
    database_secret_arn: str = Field("", description="Secret with username, password and dbname as JSON.")
    database_host: str = Field("", description="Host name, or the folder of a Unix socket.")
    database_port: int = 5432
    database_tls: Literal["verify-full", "disable"] = Field(
        "verify-full", description="`disable` is for a Unix socket or a database on the same machine."
    )

    _needed_by_oidc = field_validator("oidc_issuer", "oidc_audience")(needed_by_oidc)


@cache
def get_settings() -> Settings:
    """The process's settings; raises pydantic's ValidationError that names the variable at fault."""
    return Settings()
