"""Legacy encodings of scripts other than Latin (Cyrillic, Greek, Chinese and so on), through charset-normalizer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.domain.problems import FileProblem, file_refusal
from shared.formats.alphabets import looks_like_words
from shared.formats.byte_survey import MULTIBYTE, ByteSurvey, is_readable

_SINGLE_BYTE = {
    "cp1251": "Cyrillic", "koi8_r": "Cyrillic", "koi8_u": "Cyrillic", "cp866": "Cyrillic", "iso8859_5": "Cyrillic",
    "cp1253": "Greek", "iso8859_7": "Greek", "cp1257": "Baltic", "cp1255": "Hebrew", "cp1256": "Arabic",
}  # fmt: skip
_USUAL_LEADS = {
    "cp932": {*range(0x82, 0x84), *range(0x88, 0x99)},
    "euc_jp": {*range(0xA4, 0xA6), *range(0xB0, 0xD0)},
    "gb18030": {*range(0xB0, 0xD8)},
    "big5": {*range(0xA4, 0xC7)},
    "cp949": {*range(0xB0, 0xC9)},
}
"""The first bytes of the characters that texts are written in: kana and the common ideographs, or Hangul."""

_WORD_BEYOND_ASCII = re.compile(r"\w*[^\W\x00-\x7f]\w*")
_MOSTLY = 0.8


@dataclass(frozen=True, slots=True)
class ScriptEncoding:
    """A codec's name, and on what evidence it was chosen."""

    name: str
    evidence: str


def find_script_encoding(survey: ByteSurvey) -> ScriptEncoding | FileProblem | None:
    """The encoding in which the sample of a file that is no Latin text reads best; None when it reads in none.

    It defines every byte of the file. Two that charset-normalizer rates alike and that read differently are a problem.
    """
    from charset_normalizer import from_bytes  # noqa: PLC0415 - few files need it, and its import takes its time

    possible = [name for name in _SINGLE_BYTE if survey.defines(name)]
    possible += [name for name in MULTIBYTE if name in survey.multibyte and is_readable(survey.sample, name)]
    if not possible or not survey.sample:
        return None
    matches = from_bytes(
        survey.sample, cp_isolation=possible, preemptive_behaviour=False, enable_fallback=False, threshold=0.2
    )
    ranked = [
        (match.chaos, -match.coherence, name, str(match))
        for match in matches
        for name in (match.encoding, *match.could_be_from_charset)
        if name in possible and _looks_written(str(match), name)
    ]
    if not ranked:
        return None
    ranked.sort(key=lambda rank: (*rank[:2], possible.index(rank[2])))
    chaos, incoherence, name, text = ranked[0]
    for other_chaos, other_incoherence, other, other_text in ranked[1:]:
        if (other_chaos, other_incoherence) == (chaos, incoherence) and other_text != text:
            first, second = _difference(text, other_text)
            return file_refusal(
                "file_encoding_ambiguous", first=name, first_text=first, second=other, second_text=second
            )
    example = _WORD_BEYOND_ASCII.findall(text)[0]
    evidence = f"the bytes are not valid UTF-8; charset-normalizer reads words like “{example}” best as {name}"
    return ScriptEncoding(name, evidence)


def _looks_written(text: str, name: str) -> bool:
    """True when the text is mostly words of letters, or of characters that are usual in the encoding's language."""
    usual = _USUAL_LEADS.get(name)
    if usual is None:
        return looks_like_words(_WORD_BEYOND_ASCII.findall(text)) >= _MOSTLY
    letters = [letter.encode(name, "replace") for letter in text if letter.isalpha() and not letter.isascii()]
    return sum(len(code) == 1 or code[0] in usual for code in letters) > _MOSTLY * len(letters)


def _difference(first: str, second: str) -> tuple[str, str]:
    """The first words in which two readings differ."""
    words = zip(_WORD_BEYOND_ASCII.findall(first), _WORD_BEYOND_ASCII.findall(second), strict=False)
    return next(((one, other) for one, other in words if one != other), (first[:20], second[:20]))
