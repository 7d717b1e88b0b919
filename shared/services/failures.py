"""What went wrong with an import, in words for the person who sent the file."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from shared.domain.problems import file_problem
from shared.domain.upload import Failure, UploadOptions
from shared.errors import TransientError, UploadRejected

INTERNAL_ERROR = "internal_error"
"""The code of a failure that the file is not to blame for."""

PREVIEW_EXPIRED = "preview_expired"
"""The code of a cancelling because nobody has confirmed the preview."""

PASSING = (
    TransientError.__name__,
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
)
"""What goes away by itself: a database that fails over takes a minute or two, and so do Lambda's own limits.

`OutOfTime` is not among them: a chunk that is too much for its function fails after five more attempts, as bugs do."""

TRIED_AGAIN_LATER = "TriedAgainLater"
IMPORT_CANCELLED = "ImportCancelled"
WAITS_FOR_REVIEW = "WaitsForReview"
NO_ALARM = (UploadRejected.__name__, TRIED_AGAIN_LATER, IMPORT_CANCELLED, WAITS_FOR_REVIEW)
"""What an execution fails with that nobody need look at: the file is to blame, another attempt comes, or a person
wanted it, or is to look at the preview."""

_IN_A_CHUNK = "States.ExceedToleratedFailureThreshold"

_OUR_FAULT = (
    "The import stopped because of a fault on our side. What had gone in until then is counted and stays; a retry "
    "adds the rest."
)
_REJECTED = re.compile(r"(?P<code>[a-z_0-9]+): (?P<message>.+)\Z", re.DOTALL)


def too_many_errors(options: UploadOptions) -> UploadRejected:
    """The end of an import that `max_errors` stops."""
    return UploadRejected(file_problem("file_too_many_errors", limit=options.max_errors), code="file_too_many_errors")


def passes(error: dict[str, Any], last_fault: str | None) -> bool:
    """Whether what Step Functions caught, `{"Error": class name, …}`, may be gone when the import is tried again.

    Of a chunk's error the Map state passes on only that there was one. `last_fault` is the class of the error that a
    load ended with last: there is none where no load came so far as to say what was wrong.
    """
    if error.get("Error") == _IN_A_CHUNK:
        return last_fault in (None, TransientError.__name__)
    return error.get("Error") in PASSING


def failure_of(error: dict[str, Any]) -> Failure:
    """The failure in what Step Functions caught: `{"Error": class name, "Cause": JSON of the Lambda error}`.

    A rejected file brings its own code and sentence. Everything else is ours: the person is told so and given a
    supportId, and the cause stays in the log.
    """
    support_id = uuid.uuid4().hex[:12]
    if error.get("Error") == "UploadRejected":
        match = _REJECTED.match(_lambda_message(error.get("Cause", "")))
        if match:
            return Failure(code=match["code"], message=match["message"], support_id=support_id)
    return Failure(code=INTERNAL_ERROR, message=_OUR_FAULT, support_id=support_id)


def _lambda_message(cause: str) -> str:
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return ""
