"""How plausible words are when their bytes are read in some encoding: by the alphabets of the encoding's languages.

Statistics of letters need long texts; plant data hold a handful of words again and again (shifts, reasons, names).
A wrong encoding shows in those too: it puts letters of several languages, or a `³`, into one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WESTERN = {
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûü",
    "Spanish": "áéíñóúü",
    "Portuguese": "àáâãçéêíóôõúü",
    "Italian": "àèéìíîòóùú",
    "Dutch": "áèéëïóöüĳ",
    "Danish or Norwegian": "æøåé",
    "Swedish or Finnish": "åäöé",
    "Icelandic": "áðéíóúýþæö",
}
CENTRAL = {
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Polish": "ąćęłńóśźż",
    "Hungarian": "áéíóöőúüű",
    "Croatian or Slovenian": "čćđšž",
    "Romanian": "ăâîşţ",
    "German": "äöüß",
}
TURKISH = {"Turkish": "çğıi\u0307öşüâîû"}
"""Of each language the letters beyond ASCII, in lower case."""

_BETWEEN_WORDS = re.compile("[–—‒’‘´…\u00a0\u00ad]+")
_SYMBOLS = frozenset("°\u00b5²³€§±×÷½¼¾®©™«»ºª“”„‚•‰¿¡£Ø·")
_QUOTES = frozenset("«»“”„‚¿¡")
_NEVER_BEHIND_LETTERS = frozenset("\u00b5§±×÷½¼¾«“„‚¿¡£€·")
_NEVER_BEFORE_LETTERS = frozenset("±×÷½¼¾»™®‰£€·")
_SHORTEST_ODD_WORD = 3
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Plausibility:
    """The share of words that look like words, the language that most of them fit, and the words that cannot be."""

    share: float
    language: str
    impossible: frozenset[str]


def judge_words(words: Iterable[str], languages: Mapping[str, str]) -> Plausibility:
    """Judge distinct `words`, each with characters beyond ASCII, as read in an encoding that serves `languages`.

    A word of the language that fits most words counts in full; one of letters that other languages of the
    encoding have (a foreign name) counts half; one with a symbol or a capital in its midst counts nothing.
    """
    everywhere = frozenset("".join(languages.values()))
    fits = dict.fromkeys(languages, 0)
    symbols_only = foreign = total = 0
    impossible: set[str] = set()
    for word in words:
        total += 1
        letters = _letters(word)
        if letters is None or not letters <= everywhere:
            impossible.add(word)
        elif not letters:
            symbols_only += 1
        else:
            foreign += 1
            for language, alphabet in languages.items():
                fits[language] += letters <= frozenset(alphabet)
    language = max(fits, key=fits.__getitem__)
    native = fits[language]
    share = (symbols_only + native + _HALF * (foreign - native)) / total if total else 1.0
    return Plausibility(share, language if native else "", frozenset(impossible))


def _letters(word: str) -> frozenset[str] | None:
    """The word's letters beyond ASCII, in lower case; None when no word is written so."""
    found: set[str] = set()
    for part in _BETWEEN_WORDS.split(word):
        if part in _SYMBOLS:
            continue
        letters = [letter for letter in part if not letter.isascii() and letter not in _SYMBOLS]
        if _has_odd_symbol(part) or _has_odd_capital(part):
            return None
        if len(part) >= _SHORTEST_ODD_WORD and len(letters) == len(part):
            return None
        found.update("".join(letters).lower())
    return frozenset(found)


def _has_odd_symbol(part: str) -> bool:
    """A symbol between two letters (`Gr”áe`), or beside one where none stands (`Micha³`, `½uvre`, `°à`)."""
    for position, sign in enumerate(part):
        if sign not in _SYMBOLS or sign == "Ø":
            continue
        before, after = part[:position][-1:], part[position + 1 :][:1]
        if sign in "²³" and (before.isalpha() or after.isalpha()):
            if before != "m" or (after and not after.isascii()):
                return True
            continue
        if before.isalpha() and (after.isalpha() or sign in _NEVER_BEHIND_LETTERS):
            return True
        if after.isalpha() and sign in _NEVER_BEFORE_LETTERS:
            return True
        if sign not in _QUOTES and any(letter.isalpha() and not letter.isascii() for letter in before + after):
            return True
    return False


def _has_odd_capital(part: str) -> bool:
    """A capital beyond ASCII within a word (`FrŸh`, `MŸller`), or a small letter ahead of a capital (`øC`)."""
    for before, letter, after in zip(part, part[1:], part[2:] + " ", strict=False):
        if letter.isascii() or not letter.isupper():
            continue
        if before.islower() or (before.isalpha() and after.islower()):
            return True
    return part[:1].islower() and not part[:1].isascii() and part[1:2].isupper()


def looks_like_words(words: Iterable[str]) -> float:
    """The share of `words`, of whatever script, that are of letters alone, without a capital in their midst."""
    verdicts = [
        all(letter.isalpha() for letter in word if not letter.isascii()) and not _has_odd_capital(word)
        for word in words
    ]
    return sum(verdicts) / len(verdicts) if verdicts else 0.0
