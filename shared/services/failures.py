"""What went wrong with an import, in words for the person who sent the file."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from shared.domain.problems import file_problem
from shared.domain.upload import Failure, UploadOptions
from shared.errors import UploadRejected

INTERNAL_ERROR = "internal_error"
"""The code of a failure that the file is not to blame for."""

_OUR_FAULT = (
    "The import stopped because of a fault on our side. What had gone in until then is counted and stays; a retry "
    "adds the rest."
)
_REJECTED = re.compile(r"(?P<code>[a-z_0-9]+): (?P<message>.+)\Z", re.DOTALL)


def too_many_errors(options: UploadOptions) -> UploadRejected:
    """The end of an import that `max_errors` stops."""
    return UploadRejected(file_problem("file_too_many_errors", limit=options.max_errors), code="file_too_many_errors")


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
