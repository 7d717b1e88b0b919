"""The exceptions of the system: one family, each saying who must act.

Bad data is a value (see `domain.problems`); an exception means that a request, an upload or the system
itself cannot go on. Adapters translate their driver's errors into these and keep the cause.
Step Functions matches on the class name, so a rename here is a change of `infra/constructs/import_workflow.py`.
"""

from __future__ import annotations

from typing import Any


class LinefeedError(Exception):
    """The root of the family.

    `message` is a sentence that a person can act on; it never holds internals.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RequestRefused(LinefeedError):
    """An API request that is answered with an error; the caller must change something.

    `status` is the HTTP status; `details` are entries of the error shape's `details.errors`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details or []
        self.headers = headers or {}


def cursor_refused() -> RequestRefused:
    """The refusal of a cursor that no page gave."""
    return RequestRefused("The cursor is not one that an earlier page gave.", status=422, code="cursor_invalid")


class UploadRejected(LinefeedError):
    """A file that cannot be imported as it is; the person who sent it must change it. Never retried.

    `code` is stable (see `domain.problems.FILE_PROBLEMS`).
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        """`code: message`, which is what a Step Functions error's cause carries."""
        return f"{self.code}: {self.message}"


class StateConflict(LinefeedError):
    """A move that the upload's present state does not allow. Never retried."""


class AccountingError(LinefeedError):
    """The ledger does not add up to the records in the file: a bug, never hidden. Never retried."""


class TransientError(LinefeedError):
    """Something outside failed that may work the next time (network, throttling, a lock). Retried."""


class OutOfTime(TransientError):
    """Work that was stopped, and undone, before its time was over.

    Retried as faults of ours are, and not as long as passing trouble: the next attempt has no more time than this one.
    """
