"""Survey a file: read it through, learn how it is written, count its records, and cut it into chunks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shared.domain.problems import file_refusal
from shared.domain.upload import SourceObject, Upload
from shared.formats.delimited import LineTooLong
from shared.services.choices import Choices
from shared.services.ports import Objects
from shared.services.survey_json import survey_json
from shared.services.survey_text import survey_text
from shared.services.survey_workbook import survey_workbook
from shared.services.tally import Survey, rejected

_SURVEYS = {"csv": survey_text, "json": survey_json, "excel": survey_workbook}


def survey_file(upload: Upload, choices: Choices, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read a file as a stream, as often as its format asks for; memory does not grow with it.

    Raises UploadRejected for a file that cannot be imported, and of one that is previewed for one that cannot be shown.
    """
    with readable():
        survey = _SURVEYS[upload.options.import_type](upload, choices, source, objects, chunk_bytes)
    if not survey.chunks:
        choices.leave_open(file_refusal("file_no_records"))
    return survey


@contextmanager
def readable() -> Iterator[None]:
    """Raise UploadRejected where the text that is read is none."""
    try:
        yield
    except LineTooLong as error:
        raise rejected(file_refusal("file_line_too_long", line=error.line)) from error
    except UnicodeDecodeError as error:  # the pinned version cannot change, so this is a codec at odds with itself
        raise rejected(file_refusal("file_encoding_unknown")) from error
