"""The page's config.json on this machine: the one that is deployed, with what this run has in its own way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from local.aws_clients import AwsClients
from local.distribution import BucketOrigin, Distribution

_KEYS = ("config.json", "embed/config.json")
_TOLD = ("name", "tenant", "role", "token")
_SIZES = {"maxFileSize": "MAX_FILE_SIZE", "retentionDays": "RETENTION_DAYS"}


def write_config(
    distribution: Distribution,
    client: AwsClients,
    *,
    sessions: Sequence[Mapping[str, str]],
    overrides: Mapping[str, str],
) -> None:
    """Put this run's config.json in the place of the deployed one, and that of the web component as well."""
    s3 = client("s3")
    for key in _KEYS:
        origin = distribution.behaviour(f"/{key}").origin
        assert isinstance(origin, BucketOrigin)  # noqa: S101 - the page's files come from a bucket
        deployed = s3.get_object(Bucket=origin.bucket, Key=key)
        config = config_here(json.loads(deployed["Body"].read()), sessions=sessions, overrides=overrides)
        s3.put_object(
            Bucket=origin.bucket,
            Key=key,
            Body=json.dumps(config).encode(),
            ContentType=deployed["ContentType"],
            CacheControl=deployed["CacheControl"],
        )


def config_here(
    deployed: Mapping[str, Any], *, sessions: Sequence[Mapping[str, str]], overrides: Mapping[str, str]
) -> dict[str, Any]:
    """With the settings of this run and, where sessions are NextAuth's, the ready-made people to choose from.

    An issuer's client is known to cdk.json alone, so that is where a run with one is set up.
    """
    config = {**deployed, **{key: int(overrides[name]) for key, name in _SIZES.items() if name in overrides}}
    if deployed.get("auth", {}).get("provider") == "nextauth":
        people = [{name: session[name] for name in _TOLD} for session in sessions]
        config["auth"] = {"provider": "local", "people": people}
    return config
