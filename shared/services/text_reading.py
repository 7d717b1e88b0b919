"""How a delimited file's bytes are text, and the text cells: as the bytes show, else as a profile has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import BinaryIO

from shared.domain.file_choices import MAX_HEADER_CHARACTERS
from shared.domain.headers import is_added_by_us
from shared.domain.plan import Dialect
from shared.domain.problems import FileProblem, file_refusal
from shared.domain.profile import Profile
from shared.domain.refused import unguard_formula
from shared.domain.upload import Decision, SourceObject
from shared.errors import UploadRejected
from shared.formats.compression import is_gzip
from shared.formats.delimited import (
    DelimiterChoice,
    TextRecord,
    find_delimiter,
    find_text_delimiter,
    read_records,
    read_text_records,
)
from shared.formats.encoding import Encoding, find_encoding
from shared.formats.preamble import TableStart, find_table
from shared.formats.text_lines import HEAD_BYTES, line_ends, read_lines
from shared.services.choices import AS_PROFILE, Choices
from shared.services.ports import Objects
from shared.services.tally import map_columns, open_source, rejected

_LINES_FOR_DELIMITER = 400
_OPEN_ENCODING = frozenset({"file_encoding_unknown", "file_encoding_ambiguous"})
"""Problems of bytes that may be text in an encoding which somebody names."""

_WRONG_ENCODING = frozenset({"file_encoding_not_known", "file_encoding_does_not_fit"})
"""Problems of the encoding that somebody has named."""

_ANY_BYTES = "cp850"
"""In which all bytes but a NUL are some text: enough to see what the encoding of the rest must be."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that should be text; `head` are its first bytes as they are stored, `packed` says that it is gzip-ed."""

    source: SourceObject
    objects: Objects
    head: bytes
    packed: bool

    @classmethod
    def look_at(cls, source: SourceObject, objects: Objects) -> TextFile:
        """Read the first bytes."""
        with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
            head = stream.read()
        return cls(source, objects, head, is_gzip(head))

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The unpacked bytes from the first on."""
        with open_source(self.source, self.objects, packed=self.packed) as stream:
            yield stream

    def find_encoding(self, given: str | None) -> Encoding | FileProblem:
        """How the bytes are text, from all of them; `given` is what somebody says."""
        with self.open() as stream:
            return find_encoding(stream, given)

    def read_in(self, encoding: Encoding, delimiter: DelimiterChoice | None) -> TextReading:
        """The file in an encoding and with a delimiter, the one that its first lines show where None is given."""
        cuttable = encoding.cuttable and not self.packed and line_ends(self.head) == "lf"
        if delimiter is None and cuttable:
            whole = len(self.head) == self.source.size
            lines = self.head if whole else self.head[: self.head.rfind(b"\n") + 1] or self.head
            delimiter = find_delimiter(BytesIO(lines), encoding.name)
        elif delimiter is None:
            with self.open() as stream:
                first = list(islice(read_lines(stream, encoding.name), _LINES_FOR_DELIMITER))
            delimiter = find_text_delimiter(first)
        return TextReading(self, encoding, delimiter, cuttable)


@dataclass(frozen=True, slots=True)
class TextReading:
    """A file, and how it is read; one that is `cuttable` may be cut behind any line feed."""

    file: TextFile
    encoding: Encoding
    delimiter: DelimiterChoice
    cuttable: bool

    @property
    def dialect(self) -> Dialect:
        """How the file is written."""
        return Dialect(encoding=self.encoding.name, delimiter=self.delimiter.delimiter)

    @property
    def decisions(self) -> list[Decision]:
        """How the bytes are text, and the text cells."""
        found = [Decision(subject="encoding", choice=self.encoding.name, evidence=self.encoding.evidence)]
        if self.file.packed:
            found.append(Decision(subject="compression", choice="gzip", evidence="the file's first bytes"))
        shown = repr(self.delimiter.delimiter)[1:-1]
        return [*found, Decision(subject="delimiter", choice=shown, evidence=self.delimiter.evidence)]

    @contextmanager
    def open(self) -> Iterator[Iterator[TextRecord]]:
        """The records from the first on."""
        with self.file.open() as stream:
            if self.cuttable:
                yield read_records(stream, self.dialect)
            else:
                yield read_text_records(read_lines(stream, self.encoding.name), self.delimiter.delimiter)

    def header(self, choices: Choices) -> list[str] | None:
        """The cells of its header, None where there is none."""
        with suppress(UploadRejected), self.open() as records:
            return find_header(records, choices).header.cells
        return None


def find_header(records: Iterable[TextRecord], choices: Choices) -> TableStart:
    """The header among the first records; raises UploadRejected where there is none."""
    start = find_table(records, choices.known_headers)
    if isinstance(start, FileProblem):
        raise rejected(start)
    if sum(map(len, start.header.cells)) > MAX_HEADER_CHARACTERS:
        raise rejected(file_refusal("file_header_unreadable", line=start.header.line))
    if any(map(is_added_by_us, start.header.cells)):  # a download of ours, whose cells were guarded
        return replace(start, header=start.header._replace(cells=[*map(unguard_formula, start.header.cells)]))
    return start


def find_reading(file: TextFile, choices: Choices) -> TextReading:
    """The reading that the caller or the file's bytes say.

    Another encoding that fits the bytes as well, or any where they leave it open, is a profile's to choose; so is the
    delimiter where the one that the lines show leaves required fields without a column. It must give the profile's
    header, or for a profile that the caller names, one that can be mapped. Raises UploadRejected for a file that can
    be read in no way.
    """
    given = choices.options.delimiter
    delimiter = DelimiterChoice(given, "given by the caller") if given else None
    encoding = file.find_encoding(choices.options.encoding)
    if isinstance(encoding, FileProblem):
        if encoding.code in _OPEN_ENCODING and choices.options.encoding is None:
            for reading, profile in _in_their_encodings(file, delimiter, choices):
                if _suits(reading, profile, choices):
                    return reading
        encoding = _stand_in(file, encoding, choices)
    shown = file.read_in(encoding, delimiter)
    for profile in choices.profiles:
        other = encoding.instead(profile.encoding, AS_PROFILE) if profile.encoding else None
        if other and _suits(reading := file.read_in(other, delimiter), profile, choices):
            return reading
    if choices.profiles and delimiter is None and not _is_readable(shown, choices):
        for profile in choices.profiles:
            if (usual := _delimiter_of(profile)) and _suits(reading := file.read_in(encoding, usual), profile, choices):
                return reading
    return shown


def _stand_in(file: TextFile, question: FileProblem, choices: Choices) -> Encoding:
    """What a file is shown in while its encoding is open; raises UploadRejected where it is not to be shown."""
    if question.code not in _OPEN_ENCODING | _WRONG_ENCODING:
        raise rejected(question)
    choices.leave_open(question)
    for name in (None, _ANY_BYTES):
        encoding = file.find_encoding(name)
        if isinstance(encoding, Encoding):
            return replace(encoding, evidence="shown so while the encoding is open")
    raise rejected(question)


def _in_their_encodings(
    file: TextFile, delimiter: DelimiterChoice | None, choices: Choices
) -> Iterator[tuple[TextReading, Profile]]:
    """Readings in the encodings of profiles, where all bytes are text in them."""
    found: dict[str, Encoding | FileProblem] = {}
    for profile in choices.profiles:
        name = profile.encoding
        if name is None:
            continue
        encoding = found.get(name) or found.setdefault(name, file.find_encoding(name))
        if isinstance(encoding, Encoding):
            own = Encoding(encoding.name, AS_PROFILE, encoding.cuttable, encoding.mark_length)
            yield file.read_in(own, delimiter), profile
            if delimiter is None and (usual := _delimiter_of(profile)):
                yield file.read_in(own, usual), profile


def _delimiter_of(profile: Profile) -> DelimiterChoice | None:
    return DelimiterChoice(profile.delimiter, AS_PROFILE) if profile.delimiter else None


def _suits(reading: TextReading, profile: Profile, choices: Choices) -> bool:
    """True when the header that is read so makes the profile the one that holds, and can be what it is for."""
    header = reading.header(choices)
    if header is None or choices.complete(header).profile is not profile:
        return False
    return profile.is_of(header) or _maps(header, choices)


def _is_readable(reading: TextReading, choices: Choices) -> bool:
    header = reading.header(choices)
    return header is not None and (choices.profile_of(header) is not None or _maps(header, choices))


def _maps(header: list[str], choices: Choices) -> bool:
    with suppress(UploadRejected):
        return map_columns(header, choices.complete(header).options) is not None
    return False
