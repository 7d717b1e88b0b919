"""Translates botocore's errors at the edge: what may work the next time becomes a TransientError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import TransientError

_PERMANENT_STATUS = frozenset({400, 401, 403, 404, 405, 409, 410, 411, 412, 416})
_TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)


def error_code(error: ClientError) -> str:
    """The service's own code, such as `ConditionalCheckFailedException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise TransientError, with the cause kept, for a failure that is not the request's own fault."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if error_code(error) not in _TRANSIENT_CODES and status in _PERMANENT_STATUS:
            raise
        raise TransientError(f"{what} did not answer ({error_code(error)})") from error
    except BotoCoreError as error:
        raise TransientError(f"{what} could not be reached") from error


def cancellation_reasons(error: ClientError) -> list[str]:
    """Why a DynamoDB transaction was cancelled, one code for each of its writes; none for any other error.

    Raises TransientError where another transaction was at the same items.
    """
    reasons = [str(reason.get("Code")) for reason in error.response.get("CancellationReasons", [])]
    if "TransactionConflict" in reasons:
        raise TransientError("Another write was at the same item") from error
    return reasons
