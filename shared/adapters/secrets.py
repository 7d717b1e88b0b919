"""Secrets Manager, with a cache of some minutes so that a rotated secret is seen without a deployment."""

from __future__ import annotations

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from shared.errors import TransientError

_CACHE_SECONDS = 300


def forget_secrets() -> None:
    """Read every secret anew the next time: one that was refused may have been rotated since it was read."""
    parameters.clear_caches()  # type: ignore[no-untyped-call]


def read_secret(arn: str) -> str:
    """The secret's text."""
    try:
        return str(parameters.get_secret(arn, max_age=_CACHE_SECONDS))
    except GetParameterError as error:
        raise TransientError("The secret store did not answer") from error
