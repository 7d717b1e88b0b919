"""The rejection of a file by a code of FILE_PROBLEMS, as what reads formats raises it."""

from __future__ import annotations

from shared.domain.problems import file_problem
from shared.errors import UploadRejected


def rejected(code: str, **values: object) -> UploadRejected:
    """An UploadRejected with this code; `values` fill its sentence."""
    return UploadRejected(file_problem(code, **values), code=code)
