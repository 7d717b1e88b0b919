"""Which text encoding a file is written in, from all of its bytes.

UTF-8 and UTF-16 prove themselves. What is neither is read in each legacy encoding that defines all of the file's
bytes. The words beyond ASCII then tell (see `alphabets`): Windows-1252, the encoding of most exports, is taken
wherever its reading is as plausible as any other; another Latin encoding only where it is clearly more plausible;
what is no Latin text is left to charset-normalizer, whose statistics are good at scripts and poor at short Latin
texts. Where two of the others fit alike and read differently, nothing is guessed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import BinaryIO

from shared.domain.problems import FileProblem, file_refusal
from shared.formats.alphabets import CENTRAL, TURKISH, WESTERN, Plausibility, judge_words
from shared.formats.byte_survey import MOST_WORD_BYTES, ByteSurvey, is_readable, survey_bytes
from shared.formats.scripts import ScriptEncoding, find_script_encoding
from shared.formats.utf16 import UTF16_MARKS, utf16_name

_WINDOWS_1252 = "cp1252"
_LATIN = {
    _WINDOWS_1252: WESTERN,
    "iso8859-15": WESTERN,
    "cp1250": CENTRAL,
    "iso8859-2": CENTRAL,
    "cp1254": TURKISH,
    "cp850": WESTERN,
    "cp852": CENTRAL,
    "mac-roman": WESTERN,
}
"""Python's names of Latin encodings, likeliest first, and the languages that are written in them."""

_PLAUSIBLE = 0.6
_CLEARLY_BETTER = 0.1
_NO_TEXT_CODECS = frozenset(
    {"idna", "punycode", "utf-7", "utf-32", "unicode-escape", "raw-unicode-escape", "undefined", "hz"}
)
_HEAD_BYTES = 65_536
_BLOCK = 1 << 20
_NUL = re.compile("\x00")
_ISO_CONTROL = re.compile("[\x00\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name as Python has it, and on what evidence it was chosen.

    `cuttable`: line feeds, delimiters and quotes are single bytes that stand in no other character, so that the file
    may be cut behind any line feed. `mark_length` is the length in bytes of the byte order mark before the text.
    `alike` names other encodings that fit the bytes as well; lines can be cut in them too.
    """

    name: str
    evidence: str
    cuttable: bool = True
    mark_length: int = 0
    alike: tuple[str, ...] = ()

    def instead(self, given: str, reason: str) -> Encoding | None:
        """The same text in another encoding, where it fits as well."""
        name = _codec_name(given, b"")
        if name not in self.alike:
            return None
        others = (self.name, *(other for other in self.alike if other != name))
        return Encoding(name, f"{self.name} would fit as well; {reason}", alike=others)


def find_encoding(stream: BinaryIO, given: str | None = None) -> Encoding | FileProblem:
    """Read `stream` to its end and say how it is encoded; `given` is what the caller says it is.

    Every byte of the file is defined in the encoding that comes back. A NUL stands in no text that a table can hold.
    Memory does not grow with the file.
    """
    head = stream.read(_HEAD_BYTES)
    if given is not None:
        return _check_given(stream, head, given)
    if name := utf16_name(head):
        return _utf16(name, head, stream)
    survey = survey_bytes(stream, head)
    if survey.has_nul:
        return file_refusal("file_encoding_unknown")
    if survey.utf8_fault is None:
        return _utf8(survey)
    return _legacy(survey)


def _utf16(name: str, head: bytes, stream: BinaryIO) -> Encoding | FileProblem:
    marked = head.startswith(UTF16_MARKS)
    fault = _first_undecodable(_blocks(stream, head), name)
    if fault is None:
        mark = "the file starts with a UTF-16 byte order mark"
        evidence = mark if marked else "a NUL byte stands beside each ASCII character, as in UTF-16"
        return Encoding(name, evidence, cuttable=False, mark_length=2 * marked)
    if not marked:
        return file_refusal("file_encoding_unknown")
    reason = f"the file is marked so, but the bytes at offset {fault} are no character"
    return file_refusal("file_encoding_does_not_fit", given="UTF-16", reason=reason)


def _utf8(survey: ByteSurvey) -> Encoding:
    if survey.marked:
        evidence = "the file starts with a UTF-8 byte order mark"
    elif survey.ascii_only:
        evidence = "every byte is plain ASCII"
    else:
        evidence = "every byte sequence is valid UTF-8"
    return Encoding("utf-8", evidence, mark_length=len(codecs.BOM_UTF8) * survey.marked)


def _blocks(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    """The whole file, of which `head` has been read already."""
    while head:
        yield head
        head = stream.read(_BLOCK)


def _first_undecodable(blocks: Iterable[bytes], name: str) -> int | None:
    """About the offset of the first byte that is no text in this encoding; None when all are.

    NUL is none. In an ISO 8859 encoding the control characters that no file holds are none: they show Windows text.
    """
    controls = _ISO_CONTROL if name.startswith("iso8859") else _NUL
    decoder = codecs.getincrementaldecoder(name)()
    position = 0
    for block in chain(blocks, (b"",)):
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            return max(position - waiting + error.start, 0)
        if wrong := controls.search(text):
            return position + wrong.start()
        position += len(block)
    return None


def _legacy(survey: ByteSurvey) -> Encoding | FileProblem:
    words = survey.words
    in_utf8 = [word for word in words if _is_utf8_word(word)]
    judged = {
        name: judge_words([word.decode(name) for word in words], languages)
        for name, languages in _LATIN.items()
        if survey.defines(name)
    }
    found = _choose_latin(judged, words)
    if survey.marked or 2 * len(in_utf8) > len(words) or _is_broken_utf8(survey, found, judged, in_utf8):
        return file_refusal("file_encoding_mixed", line=survey.utf8_fault)
    if found is None:
        script = find_script_encoding(survey)
        if not isinstance(script, ScriptEncoding):
            return script or file_refusal("file_encoding_unknown")
        found = Encoding(script.name, script.evidence, cuttable=is_cuttable(script.name))
    return found


def _is_utf8_word(word: bytes) -> bool:
    """True for UTF-8; a word that was clipped may end within a character."""
    if len(word) == MOST_WORD_BYTES:
        return _feeds(codecs.getincrementaldecoder("utf-8")(), word)
    return is_readable(word, "utf-8")


def _is_broken_utf8(
    survey: ByteSurvey, found: Encoding | FileProblem | None, judged: dict[str, Plausibility], in_utf8: Sequence[bytes]
) -> bool:
    """True when a file that is not wholly UTF-8 cannot be what else was found: it lacks its end, or has two halves."""
    if survey.cut_off:
        return not (isinstance(found, Encoding) and found.name == _WINDOWS_1252)
    if not isinstance(found, Encoding):
        return False
    return any(word.decode(found.name) in judged[found.name].impossible for word in in_utf8)


def _choose_latin(judged: dict[str, Plausibility], words: Sequence[bytes]) -> Encoding | FileProblem | None:
    """The encoding of Latin text, the problem that two fit alike, or None when the words are no Latin text."""
    best = max((verdict.share for verdict in judged.values()), default=0.0)
    western = judged.get(_WINDOWS_1252)
    if best < _PLAUSIBLE:
        return None
    if western and western.share > best - _CLEARLY_BETTER:
        found = _latin(_WINDOWS_1252, western, words)
        fitting = [name for name, verdict in judged.items() if verdict.share >= western.share]
        found = replace(found, alike=tuple(name for name in fitting if name != _WINDOWS_1252))
        rival = _rival(fitting, words)
        return found if rival is None else replace(found, evidence=f"{found.evidence}; {rival} would fit as well")
    alike = [name for name, verdict in judged.items() if verdict.share == best]
    for first, second in combinations(alike, 2):
        if texts := _difference(first, second, words):
            return file_refusal(
                "file_encoding_ambiguous", first=first, first_text=texts[0], second=second, second_text=texts[1]
            )
    return _latin(alike[0], judged[alike[0]], words)


def _rival(names: Sequence[str], words: Sequence[bytes]) -> str | None:
    """An encoding among these that reads some word otherwise than Windows-1252 does, with that word."""
    for name in names:
        if texts := _difference(_WINDOWS_1252, name, words):
            return f"{name} (“{texts[1]}” for “{texts[0]}”)"
    return None


def _difference(first: str, second: str, words: Sequence[bytes]) -> tuple[str, str] | None:
    """The first word that two encodings read differently, in both readings."""
    readings = ((word.decode(first), word.decode(second)) for word in words)
    return next((texts for texts in readings if texts[0] != texts[1]), None)


def _latin(name: str, verdict: Plausibility, words: Sequence[bytes]) -> Encoding:
    language = f" in {verdict.language}" if verdict.language else ""
    sample = next((text for word in words if (text := word.decode(name)) not in verdict.impossible), "")
    evidence = f"the bytes are not valid UTF-8; words like “{sample}” read best as {name}{language}"
    return Encoding(name, evidence)


def _check_given(stream: BinaryIO, head: bytes, given: str) -> Encoding | FileProblem:
    """The encoding that the caller names, where the file can be in it."""
    name = _codec_name(given, head)
    if name is None:
        return file_refusal("file_encoding_not_known", given=given)
    mark = next((mark for mark in (codecs.BOM_UTF8, *UTF16_MARKS) if head.startswith(mark)), b"")
    if mark and mark.decode(name, "replace") != "\ufeff":
        reason = "it starts with the byte order mark of another encoding"
        return file_refusal("file_encoding_does_not_fit", given=given, reason=reason)
    watch = _Utf8Watch()
    fault = _first_undecodable(watch.over(_blocks(stream, head)), name)
    if fault is not None:
        reason = f"the bytes at offset {fault} are none of its characters"
        return file_refusal("file_encoding_does_not_fit", given=given, reason=reason)
    cuttable = is_cuttable(name)
    if cuttable and name != "utf-8" and watch.saw_only_utf8():
        return file_refusal("file_encoding_does_not_fit", given=given, reason="all of it is valid UTF-8")
    return Encoding(name, "given by the caller, and it defines every byte", cuttable, len(mark))


class _Utf8Watch:
    """Notes whether the blocks that pass by are UTF-8 beyond ASCII: then they are text in no other encoding."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._valid = True
        self._beyond_ascii = False

    def over(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass the blocks on."""
        for block in blocks:
            self._beyond_ascii = self._beyond_ascii or not block.isascii()
            self._valid = self._valid and _feeds(self._decoder, block)
            yield block

    def saw_only_utf8(self) -> bool:
        """True when all that passed by, now ended, is UTF-8 and not ASCII alone."""
        return self._valid and self._beyond_ascii and _feeds(self._decoder, b"")


def _feeds(decoder: codecs.IncrementalDecoder, data: bytes) -> bool:
    """True when the decoder takes the data; empty data end it."""
    try:
        decoder.decode(data, final=not data)
    except UnicodeDecodeError:
        return False
    return True


def _codec_name(given: str, head: bytes) -> str | None:
    """Python's name of the codec that the caller means; None where there is none, or none of text."""
    try:
        codec = codecs.lookup(given.strip())
        "".encode(codec.name)
    except (LookupError, UnicodeError, ValueError):
        return None
    name = codec.name
    if name in _NO_TEXT_CODECS or codec.incrementaldecoder is None:
        return None
    if name == "utf-16":
        return utf16_name(head) or "utf-16-le"
    return "utf-8" if name in ("utf-8-sig", "ascii") else name


def is_cuttable(name: str) -> bool:
    """True for UTF-8, and for encodings of one byte a character in which ASCII stands for itself."""
    if name == "utf-8":
        return True
    decoder = codecs.getincrementaldecoder(name)("replace")
    if any(decoder.decode(bytes([value])) != chr(value) for value in range(0x80)):
        return False
    return all(decoder.decode(bytes([value])) for value in range(0x80, 0x100))
