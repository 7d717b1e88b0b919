"""What an operator chooses in the context of cdk.json, checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_logs as logs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator
from pydantic_core import ErrorDetails

from infra.constructs.database import MOST_CLIENTS
from infra.constructs.import_workflow import CONCURRENT_CHUNKS
from shared.settings import Settings, needed_by_oidc

OPERATOR_SETTINGS = (
    "max_file_size",
    "multipart_bytes",
    "upload_rate_limit",
    "tenant_upload_rate_limit",
    "api_key_upload_rate_limit",
    "scanner",
    "clamd_address",
    "scanner_definitions_days",
    "upload_url_seconds",
    "job_concurrency",
    "job_attempts",
    "job_retry_seconds",
    "chunk_bytes",
    "retention_days",
    "auth_provider",
    "auth_tenant_claim",
    "auth_role_claim",
    "oidc_issuer",
    "oidc_audience",
    "oidc_audience_claim",
)
"""The fields of `Settings` that are a choice; the others are names of what the stacks create."""

_FIELDS: dict[str, Any] = {name: (field.annotation, field) for name, field in Settings.model_fields.items()}
# Not `Settings` itself, which would also read the environment: a template must not depend on the shell.
_ChosenSettings: type[BaseModel] = create_model(
    "_ChosenSettings",
    __config__=ConfigDict(extra="forbid", alias_generator=str.upper),
    __validators__={"needed_by_oidc": field_validator("oidc_issuer", "oidc_audience")(needed_by_oidc)},
    **{name: _FIELDS[name] for name in OPERATOR_SETTINGS},
)

_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d+)?|http://(localhost|127\.0\.0\.1)(:\d+)?")
_LOG_RETENTIONS = {
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


class ConfigurationError(ValueError):
    """A value in cdk.json's context (or given with `--context`) that cannot be used."""


class Configuration(BaseModel):
    """The operator's choices.

    `settings` holds those of `Settings` by their names in capitals, each with its default where none was made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_origin: str = Field(alias="pageOrigin", description="Origin of the upload page; CORS lets no other in.")
    alarm_email: str = Field(default="", alias="alarmEmail", description="Who hears of alarms; empty for nobody.")
    log_retention_days: int = Field(default=90, alias="logRetentionDays", description="How long logs are kept.")
    settings: dict[str, Any]

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Configuration:
        """The app's context without CDK's own keys; raises `ConfigurationError` that names each value at fault."""
        ours = {key: value for key, value in context.items() if not re.search(r"[:/]", key)}
        try:
            settings = _ChosenSettings.model_validate(ours.pop("settings", {}))
            return cls.model_validate({**ours, "settings": settings.model_dump(by_alias=True)})
        except ValidationError as error:
            faults = "; ".join(_sentence(fault) for fault in error.errors())
            raise ConfigurationError(f"The context in cdk.json cannot be used: {faults}") from error

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long log groups keep what they have."""
        return _LOG_RETENTIONS[self.log_retention_days]

    @field_validator("page_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if not _ORIGIN.fullmatch(value):
            raise ValueError(
                f"{value!r} is not the origin of a page: write scheme, host and port and nothing else, such as "
                "https://app.example.com (http for localhost alone)"
            )
        return value

    @field_validator("settings")
    @classmethod
    def _has_a_scanner_that_can_be_deployed(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value["SCANNER"] == "demo":
            raise ValueError("SCANNER: the demo rules are for one machine and no antivirus; choose clamd or none")
        if value["SCANNER"] == "clamd" and not value["CLAMD_ADDRESS"]:
            raise ValueError("SCANNER: clamd needs a CLAMD_ADDRESS, host:port")
        return value

    @field_validator("settings")
    @classmethod
    def _leaves_the_database_connections(cls, value: dict[str, Any]) -> dict[str, Any]:
        most = MOST_CLIENTS // CONCURRENT_CHUNKS
        if value["JOB_CONCURRENCY"] > most:
            raise ValueError(
                f"JOB_CONCURRENCY: each import loads up to {CONCURRENT_CHUNKS} chunks at once, so the database of this "
                f"size serves {most}; docs/capacity.md tells how to have more"
            )
        return value

    @field_validator("alarm_email")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError(f"{value!r} is not an e-mail address")
        return value

    @field_validator("log_retention_days")
    @classmethod
    def _is_a_retention_of_cloudwatch(cls, value: int) -> int:
        if value not in _LOG_RETENTIONS:
            raise ValueError(f"{value} is not one of {sorted(_LOG_RETENTIONS)}")
        return value


def _sentence(fault: ErrorDetails) -> str:
    """A fault in the operator's words."""
    unknown = fault["type"] == "extra_forbidden"
    message = "there is nothing of this name to choose" if unknown else fault["msg"].removeprefix("Value error, ")
    # A setting that was left out is named by its field, and the operator knows it in capitals.
    place = [str(part).upper() if part in OPERATOR_SETTINGS else str(part) for part in fault["loc"]]
    return f"{'.'.join(place)}: {message}"
