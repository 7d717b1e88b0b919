"""What an operator chooses in the context of cdk.json, checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_logs as logs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from shared.settings import Settings

OPERATOR_SETTINGS = frozenset(
    {
        "max_file_size",
        "upload_rate_limit",
        "upload_url_seconds",
        "job_concurrency",
        "chunk_bytes",
        "retention_days",
    }
)
"""The fields of `Settings` that are a choice; the others are names of what the stacks create."""

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


class _ChosenSettings(Settings):
    """`Settings` without the environment: a synthesized template must not depend on the shell."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed to the constructor."""
        return (init_settings,)


class Configuration(BaseModel):
    """The operator's choices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page_origin: str = Field(
        alias="pageOrigin", description="Origin of the upload page, the only one that CORS lets in."
    )
    alarm_email: str = Field(default="", alias="alarmEmail", description="Who hears of alarms; empty for nobody.")
    log_retention_days: int = Field(default=90, alias="logRetentionDays", description="How long logs are kept.")
    settings: dict[str, Any] = Field(default_factory=dict, description="Settings that differ from their default.")

    @field_validator("page_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if not _ORIGIN.fullmatch(value):
            raise ValueError(
                f"{value!r} is not the origin of a page: write scheme, host and port and nothing else, such as "
                "https://app.example.com (http only for localhost)"
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

    @field_validator("settings")
    @classmethod
    def _are_settings(cls, value: dict[str, Any]) -> dict[str, Any]:
        choices = sorted(name.upper() for name in OPERATOR_SETTINGS)
        for name in value:
            if name not in choices:
                raise ValueError(f"{name} is not one of the settings {', '.join(choices)}")
        chosen = _ChosenSettings(**{name.lower(): setting for name, setting in value.items()})
        return {name: getattr(chosen, name.lower()) for name in choices}

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Configuration:
        """The app's context without CDK's own keys; raises `ConfigurationError` naming each value at fault."""
        ours = {key: value for key, value in context.items() if not re.search(r"[:/]", key)}
        try:
            return cls.model_validate({"settings": {}, **ours})
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise ConfigurationError(f"The context in cdk.json cannot be used: {faults}") from error

    def setting(self, name: str) -> Any:
        """A setting's value by its name in capitals: what was chosen, or the default."""
        return self.settings[name]

    @property
    def log_retention(self) -> logs.RetentionDays:
        """How long log groups keep what they have."""
        return _LOG_RETENTIONS[self.log_retention_days]
