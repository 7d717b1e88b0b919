"""What an operator chooses in the context of cdk.json, checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_logs as logs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, create_model, field_validator
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
_ADDRESS = re.compile(rf"({_ORIGIN.pattern})([/?]\S*)?")
_DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z0-9-]+")
_CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:\d{12}:certificate/[\w-]+")
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

    settings: dict[str, Any]
    page_origins: list[str] = Field(
        default=[], alias="pageOrigins", description="Origins of the pages that upload; CORS lets no others in."
    )
    page_domain: str = Field(default="", alias="pageDomain", description="The page's own domain, where it has one.")
    certificate_arn: str = Field(
        default="", alias="certificateArn", description="Its certificate, in us-east-1.", validate_default=True
    )
    sign_in_url: str = Field(
        default="", alias="signInUrl", description="Where the NextAuth app signs people in.", validate_default=True
    )
    oidc_client_id: str = Field(
        default="", alias="oidcClientId", description="The page at the OpenID issuer.", validate_default=True
    )
    oidc_scope: str = Field(default="openid", alias="oidcScope", description="What the page asks the issuer for.")
    oidc_token_origin: str = Field(
        default="", alias="oidcTokenOrigin", description="Origin of the token endpoint, where it is not the issuer's."
    )
    alarm_email: str = Field(default="", alias="alarmEmail", description="Who hears of alarms; empty for nobody.")
    log_retention_days: int = Field(default=90, alias="logRetentionDays", description="How long logs are kept.")

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

    @property
    def browser_origins(self) -> list[str]:
        """Whose pages may call the API and send files: the page on its own domain, and those that were named."""
        own = [f"https://{self.page_domain}"] if self.page_domain else []
        return list(dict.fromkeys([*own, *self.page_origins]))

    @field_validator("page_origins")
    @classmethod
    def _are_origins(cls, values: list[str]) -> list[str]:
        for value in values:
            if not _ORIGIN.fullmatch(value):
                raise ValueError(_no_origin(value))
        return values

    @field_validator("oidc_token_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if value and not _ORIGIN.fullmatch(value):
            raise ValueError(_no_origin(value))
        return value

    @field_validator("page_domain")
    @classmethod
    def _is_a_domain(cls, value: str) -> str:
        if value and not _DOMAIN.fullmatch(value):
            raise ValueError(f"{value!r} is not a domain: write its name and nothing else, such as files.example.com")
        return value

    @field_validator("certificate_arn")
    @classmethod
    def _is_a_certificate_for_the_domain(cls, value: str, info: ValidationInfo) -> str:
        if value and not _CERTIFICATE.fullmatch(value):
            raise ValueError(f"{value!r} is not the ARN of a certificate in us-east-1, where CloudFront looks for it")
        if bool(value) != bool(info.data.get("page_domain")):
            raise ValueError("a pageDomain and its certificateArn go together")
        return value

    @field_validator("sign_in_url")
    @classmethod
    def _is_an_address_for_nextauth(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("settings", {}).get("AUTH_PROVIDER") == "nextauth" and not value:
            raise ValueError("AUTH_PROVIDER nextauth needs it: the page sends people there to sign in")
        if value and not _ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r} is not an address with https (http for localhost alone)")
        return value

    @field_validator("oidc_client_id")
    @classmethod
    def _is_there_for_oidc(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("settings", {}).get("AUTH_PROVIDER") == "oidc" and not value:
            raise ValueError("AUTH_PROVIDER oidc needs it: the page signs people in as this client of the issuer")
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
    def _is_a_mailbox(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
            raise ValueError(f"{value!r} is not an e-mail address")
        return value

    @field_validator("log_retention_days")
    @classmethod
    def _is_a_retention_of_cloudwatch(cls, value: int) -> int:
        if value not in _LOG_RETENTIONS:
            raise ValueError(f"{value} is not one of {sorted(_LOG_RETENTIONS)}")
        return value


def _no_origin(value: str) -> str:
    return (
        f"{value!r} is not the origin of a page: write scheme, host and port and nothing else, such as "
        "https://app.example.com (http for localhost alone)"
    )


def _sentence(fault: ErrorDetails) -> str:
    """A fault in the operator's words."""
    unknown = fault["type"] == "extra_forbidden"
    message = "there is nothing of this name to choose" if unknown else fault["msg"].removeprefix("Value error, ")
    return f"{'.'.join(_as_written(str(part)) for part in fault['loc'])}: {message}"


def _as_written(name: str) -> str:
    """What the operator calls a field: what was left out is named by the field itself."""
    field = Configuration.model_fields.get(name)
    return name.upper() if name in OPERATOR_SETTINGS else (field and field.alias) or name
