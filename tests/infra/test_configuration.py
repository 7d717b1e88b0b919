"""What an operator may write into cdk.json, and what is said when it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.configuration import Configuration, ConfigurationError
from infra.manifest import ROOT
from shared.settings import Settings

_GOOD: dict[str, Any] = {
    "pageOrigins": ["https://files.example.com"],
    "signInUrl": "https://app.example.com/api/auth/signin",
}
_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1f2e"
_OIDC = {"AUTH_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example", "OIDC_AUDIENCE": "linefeed"}


def test_settings_have_their_defaults() -> None:
    """Who chooses nothing gets what Settings says."""
    chosen = Configuration.from_context(_GOOD).settings
    assert chosen["MAX_FILE_SIZE"] == Settings.model_fields["max_file_size"].default


def test_the_shell_does_not_change_a_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that happens to be set where the app is synthesized is no choice."""
    monkeypatch.setenv("JOB_CONCURRENCY", "77")
    assert Configuration.from_context(_GOOD).settings["JOB_CONCURRENCY"] == 5


def test_cdks_own_context_is_left_alone() -> None:
    """Feature flags and the CLI's keys stand in the same context."""
    context = {**_GOOD, "@aws-cdk/core:checkSecretUsage": True, "aws:cdk:bundling-stacks": []}
    assert Configuration.from_context(context).page_origins == _GOOD["pageOrigins"]


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ({**_GOOD, "pageOrigins": ["https://files.example.com", "*"]}, "pageOrigins"),
        ({**_GOOD, "pageOrigins": ["https://files.example.com/"]}, "pageOrigins"),
        ({**_GOOD, "pageOrigins": ["http://files.example.com"]}, "pageOrigins"),
        ({**_GOOD, "pageOrigins": "https://files.example.com"}, "pageOrigins"),
        ({**_GOOD, "pageDomain": "https://files.example.com", "certificateArn": _CERTIFICATE}, "pageDomain"),
        ({**_GOOD, "pageDomain": "files.example.com"}, "certificateArn"),
        ({**_GOOD, "certificateArn": _CERTIFICATE}, "certificateArn"),
        (
            {
                **_GOOD,
                "pageDomain": "files.example.com",
                "certificateArn": _CERTIFICATE.replace("us-east-1", "eu-west-1"),
            },
            "certificateArn",
        ),
        ({"pageOrigins": []}, "signInUrl"),
        ({"signInUrl": "app.example.com/sign-in"}, "signInUrl"),
        ({"signInUrl": "javascript:alert(1)"}, "signInUrl"),
        ({**_GOOD, "settings": _OIDC}, "oidcClientId"),
        (
            {**_GOOD, "settings": _OIDC, "oidcClientId": "page", "oidcTokenOrigin": "https://a.example/token"},
            "oidcTokenOrigin",
        ),
        ({**_GOOD, "alarmEmail": "nobody"}, "alarmEmail"),
        ({**_GOOD, "logRetentionDays": 42}, "logRetentionDays"),
        ({**_GOOD, "settings": {"JOB_CONCURRENCY": 0}}, "JOB_CONCURRENCY"),
        ({**_GOOD, "settings": {"JOB_CONCURRENCY": 41}}, "JOB_CONCURRENCY"),
        ({**_GOOD, "settings": {"JOB_CONCURENCY": 5}}, "JOB_CONCURENCY"),
        ({**_GOOD, "settings": {"BUCKET": "mine"}}, "BUCKET"),
        ({**_GOOD, "settings": {"AUTH_PROVIDER": "saml"}}, "AUTH_PROVIDER"),
        ({**_GOOD, "settings": {"AUTH_PROVIDER": "oidc", "OIDC_AUDIENCE": "linefeed"}}, "OIDC_ISSUER"),
        ({**_GOOD, "settings": {"AUTH_PROVIDER": "oidc", "OIDC_ISSUER": "https://issuer.example"}}, "OIDC_AUDIENCE"),
        ({**_GOOD, "settings": {"OIDC_ISSUER": "http://issuer.example"}}, "OIDC_ISSUER"),
        ({**_GOOD, "settings": {"OIDC_ISSUER": "https://me@issuer.example"}}, "OIDC_ISSUER"),
        ({**_GOOD, "settings": {"OIDC_AUDIENCE_CLAIM": "azp"}}, "OIDC_AUDIENCE_CLAIM"),
        ({**_GOOD, "settings": {"AUTH_TENANT_CLAIM": ""}}, "AUTH_TENANT_CLAIM"),
        ({**_GOOD, "pageorigins": []}, "pageorigins"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(context: dict[str, Any], named: str) -> None:
    """The sentence begins with the place and names the value's key."""
    with pytest.raises(ConfigurationError, match=rf"cdk\.json.*\b{named}:"):
        Configuration.from_context(context)


def test_the_page_on_its_own_domain_needs_no_further_choice() -> None:
    """It calls from there; other apps are named, and none is counted twice."""
    named = {"pageOrigins": ["https://app.example.com", "https://files.example.com"]}
    own = {"pageDomain": "files.example.com", "certificateArn": _CERTIFICATE}
    origins = Configuration.from_context({**_GOOD, **named, **own}).browser_origins
    assert origins == ["https://files.example.com", "https://app.example.com"]
    assert Configuration.from_context({**_GOOD, "pageOrigins": []}).browser_origins == []


@pytest.mark.parametrize(("scanner", "said"), [("demo", "no antivirus"), ("clamd", "CLAMD_ADDRESS")])
def test_a_scanner_that_would_scan_nothing_is_not_deployed(scanner: str, said: str) -> None:
    """Neither the demo rules, nor a daemon that is nowhere."""
    with pytest.raises(ConfigurationError, match=said):
        Configuration.from_context({**_GOOD, "settings": {"SCANNER": scanner}})


def test_the_app_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    """An operator reads one sentence, and nothing is written."""
    result = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "app.py")],
        env={**os.environ, "CDK_CONTEXT_JSON": '{"pageOrigins": ["*"]}', "CDK_OUTDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "pageOrigins" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.glob("*.template.json"))
