"""An encoding is found from the whole file, or none is claimed."""

from __future__ import annotations

import codecs
import io
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.problems import FileProblem
from shared.formats.encoding import Encoding, find_encoding, is_cuttable

GERMAN = (
    "Maschine;Schicht;Störgrund;Werker\nFräse 3;Früh;Werkzeug größer;Müller, Jürgen\n"
    "Presse;Spät;Rüstzeit überschritten – 20 °C;Weiß\n"
)
PORTUGUESE = "Máquina;Turno;Motivo\nInjeção 1;Manhã;Não há peças\nExtrusão;Noite;Manutenção – 2ª vez\n"
FRENCH = "Machine;Équipe;Arrêt\nPoinçonneuse;Matin;Réglage à chaud\nFraiseuse;Après-midi;Où est l’opérateur ?\n"
SWEDISH = "Maskin;Skift;Orsak\nPress 1;Förmiddag;Omställning pågår\nSåg;Kväll;Väntar på material\n"
CZECH = "Stroj;Směna;Příčina\nLis č. 1;Ranní;Výměna nástroje\nDvořák;Noční;Čištění, údržba\n"
POLISH = "Maszyna;Zmiana;Przyczyna\nWtryskarka;Popołudnie;Awaria narzędzia\nMichał Wójcik;Święto;Łączność\n"
HUNGARIAN = "Gép;Műszak;Ok\nPrés 1;Délelőtt;Szerszámcsere\nFröccsöntő;Éjszaka;Anyaghiány, üzemszünet\n"
TURKISH = "Makine;Vardiya;Duruş nedeni\nPres 1;Gündüz;Kalıp değişimi\nEnjeksiyon;Gece;İşçi yok, arıza\n"
RUSSIAN = "Станок;Смена;Причина\nПресс 1;Утро;Замена инструмента\nИванов;Ночь;Нет материала\n"
GREEK = "Μηχανή;Βάρδια;Αιτία\nΠρέσα 1;Πρωί;Αλλαγή καλουπιού\n"
JAPANESE = "機械,シフト,停止理由\nプレス1号機,早番,金型交換\n射出成形機,遅番,材料待ち\n"
CHINESE = "设备,班次,停机原因\n冲压机1,早班,更换模具\n注塑机,晚班,等待材料\n"
TAIWANESE = "設備,班次,停機原因\n沖壓機1,早班,更換模具\n注塑機,晚班,等待材料\n"
KOREAN = "설비,교대,정지사유\n프레스1,주간,금형교체\n사출기,야간,자재대기\n"
ROWS = "2026-03-01 06:00;P1;100;98,5\n" * 30


def found(data: bytes, given_name: str | None = None) -> Encoding:
    encoding = find_encoding(io.BytesIO(data), given_name)
    assert isinstance(encoding, Encoding), encoding
    return encoding


def code(data: bytes, given_name: str | None = None) -> str:
    problem = find_encoding(io.BytesIO(data), given_name)
    assert isinstance(problem, FileProblem), problem
    return problem.code


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_utf8_is_always_known(text: str) -> None:
    """Whatever is valid UTF-8 is read as UTF-8."""
    encoding = found(b";" + text.encode())
    assert (encoding.name, encoding.cuttable, encoding.mark_length) == ("utf-8", True, 0)


@pytest.mark.parametrize(
    ("text", "codec", "cuttable"),
    [
        (GERMAN, "cp1252", True),
        (PORTUGUESE, "cp1252", True),
        (FRENCH, "cp1252", True),
        (SWEDISH, "cp1252", True),
        (GERMAN.replace("–", "-"), "cp850", True),
        (GERMAN, "mac-roman", True),
        (CZECH, "cp1250", True),
        (CZECH, "iso8859-2", True),
        (CZECH, "cp852", True),
        (POLISH, "cp1250", True),
        (POLISH, "iso8859-2", True),
        (HUNGARIAN, "cp1250", True),
        (TURKISH, "cp1254", True),
        (RUSSIAN, "cp1251", True),
        (RUSSIAN, "koi8-r", True),
        (RUSSIAN, "cp866", True),
        (GREEK, "cp1253", True),
        (JAPANESE, "cp932", False),
        (CHINESE, "gbk", False),
        (TAIWANESE, "big5", False),
        (KOREAN, "euc-kr", False),
        (GERMAN, "utf-16-le", False),
        (GERMAN, "utf-16-be", False),
        (GERMAN, "utf-16", False),
        (RUSSIAN, "utf-16", False),
        (CHINESE, "utf-16", False),
        (GERMAN, "utf-8-sig", True),
    ],
)
def test_what_shop_floors_write_is_read_as_they_wrote_it(text: str, codec: str, *, cuttable: bool) -> None:
    """A few words among many rows of numbers are enough, and none comes out changed."""
    data = (text + ROWS).encode(codec)
    encoding = found(data)
    assert data[encoding.mark_length :].decode(encoding.name) == text + ROWS
    assert encoding.cuttable is cuttable
    assert encoding.evidence


@pytest.mark.parametrize(
    "word", ["Köln", "Früh", "Søren", "não", "Peña", "pièce", "20 °C", "25 µm", "3 m³/h", "Ø 8", '½"', "100 €", "naïf"]
)
def test_one_word_of_windows_1252_is_enough(word: str) -> None:
    """Windows-1252 is taken wherever its reading is a word, though another encoding would make one of it too."""
    data = (ROWS + word).encode("cp1252")
    assert data.decode(found(data).name) == ROWS + word


def test_a_second_reading_is_told() -> None:
    """The decision's evidence names the encoding that would fit as well."""
    assert "cp1250" in found("Søren".encode("cp1252")).evidence


@pytest.mark.parametrize(("word", "codec"), [("Dvořák", "cp1250"), ("Michał", "cp1250"), ("Größe", "cp850")])
def test_a_word_that_windows_1252_cannot_read_decides(word: str, codec: str) -> None:
    """Letters that no Western language has together, or a symbol within a word."""
    assert found(word.encode(codec)).name == codec


@pytest.mark.parametrize(("word", "codec"), [("Früh", "mac-roman"), ("СТАНОК", "cp1251")])
def test_what_stays_ambiguous_is_asked(word: str, codec: str) -> None:
    """Two encodings that read a word alike well and otherwise are named to the caller; the caller's word decides."""
    assert code(word.encode(codec)) == "file_encoding_ambiguous"
    assert word.encode(codec).decode(found(word.encode(codec), codec).name) == word


def test_foreign_names_do_not_turn_a_german_file() -> None:
    """A plant's workers come from everywhere."""
    text = GERMAN + "Garçon\nPeña\nSøren\nÅngström\nJosé\nLefèvre\n"
    assert found(text.encode("cp1252")).name == "cp1252"


def test_one_late_umlaut_in_windows_1252_decides_for_the_file() -> None:
    """The evidence may stand far behind the first block."""
    assert found(b"plain,ascii\n" * 200_000 + "Größe\n".encode("cp1252")).name == "cp1252"


def test_each_byte_value_is_in_the_evidence() -> None:
    """A word that comes once behind thousands of others still counts."""
    text = "Früh\n" * 10_000 + "Dvořák, Příčina, Směna\n" + "Früh\n" * 10
    assert found(text.encode("cp1250")).name == "cp1250"


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, (1 << 20) + 65_537])
def test_a_character_across_the_border_of_a_block_is_whole(size: int) -> None:
    """In every encoding of several bytes a character."""
    for text, codec in ((GERMAN, "utf-8"), (CHINESE, "gb18030"), (JAPANESE, "utf-16-le")):
        filler = "x\n" * (size // 2 // len("x".encode(codec)))
        for shift in range(3):
            data = ("x" * shift + filler[shift:] + text * 3).encode(codec)
            assert data.decode(found(data).name) == data.decode(codec)


@pytest.mark.parametrize("fault", [b"Gr\xf6\xdfe\n", b"\xff\n", b"Gr\xc3"])
def test_utf8_with_a_fault_is_not_read_as_something_else(fault: bytes) -> None:
    """A file put together from two, or cut off within a character, does not come in as `GrÃ¶ÃŸe`."""
    assert code(GERMAN.encode() + fault) == "file_encoding_mixed"
    assert code(codecs.BOM_UTF8 + b"a;b\n" + fault) == "file_encoding_mixed"


def test_a_multibyte_character_cut_at_the_end_is_not_windows_1252() -> None:
    """Half a character at the end of the file is noticed; a German ß at the end is none."""
    assert code("Grö".encode()[:-1]) == "file_encoding_mixed"
    assert found("Spaß".encode("cp1252")).name == "cp1252"


@pytest.mark.parametrize(
    "data",
    [
        b"ab\x81\x9d\xfe\xfd",
        bytes(range(1, 256)),
        b"a,b\x00\n",
        b"\x00\x01\x02 not a table",
        bytes([0x50, 0x4B, 0x03, 0x04]) + bytes(60),
        random.Random(3).randbytes(5000),
        random.Random(3).randbytes(5000).replace(b"\x00", b""),
        codecs.BOM_UTF32_LE + "a,b\n".encode("utf-32-le"),
    ],
)
def test_bytes_that_no_encoding_reads_are_not_guessed(data: bytes) -> None:
    """Nothing is claimed for what cannot be read."""
    assert code(data) in ("file_encoding_unknown", "file_encoding_does_not_fit")


@given(st.binary(max_size=200), st.none() | st.sampled_from(["utf-8", "cp1250", "utf-16", "shift_jis"]))
def test_what_is_found_decodes_every_byte(data: bytes, given_name: str | None) -> None:
    """Any bytes end in an encoding that defines them all, or in a problem; there is no NUL in the text."""
    encoding = find_encoding(io.BytesIO(data), given_name)
    if isinstance(encoding, Encoding):
        assert "\x00" not in data.decode(encoding.name)


def test_memory_does_not_grow_with_the_file() -> None:
    """Of any encoding, and in lines of any length."""

    class Rows(io.RawIOBase):
        def __init__(self, row: bytes) -> None:
            self._block, self._left = row * ((1 << 20) // len(row)), 48

        def read(self, size: int = -1) -> bytes:
            self._left -= 1
            return self._block[:size] if self._left else b""

    for row in (
        "Fräse;Früh\n".encode("cp1252"),
        "机械;早班\n".encode("gbk"),
        "机械;早班".encode(),
        GERMAN.encode("utf-16-le"),
    ):
        tracemalloc.start()
        find_encoding(Rows(row))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 16 << 20


def test_utf16_that_is_cut_off_says_so() -> None:
    """Half a character at the end, below a mark that says UTF-16."""
    assert code("a;b\n".encode("utf-16")[:-1]) == "file_encoding_does_not_fit"


@pytest.mark.parametrize(
    ("given_name", "data", "name", "mark_length"),
    [
        ("windows-1250", "Søren".encode("cp1252"), "cp1250", 0),
        (" Latin2 ", CZECH.encode("iso8859-2"), "iso8859-2", 0),
        ("UTF8", codecs.BOM_UTF8 + b"a", "utf-8", 3),
        ("utf-8-sig", b"a", "utf-8", 0),
        ("us-ascii", b"a", "utf-8", 0),
        ("utf-16", "a;b".encode("utf-16"), "utf-16-le", 2),
        ("utf-16", codecs.BOM_UTF16_BE + "a;b".encode("utf-16-be"), "utf-16-be", 2),
        ("utf-16-be", "a;b".encode("utf-16-be"), "utf-16-be", 0),
        ("shift_jis", JAPANESE.encode("shift_jis"), "shift_jis", 0),
    ],
)
def test_the_caller_s_word_is_taken(given_name: str, data: bytes, name: str, mark_length: int) -> None:
    """Under any of an encoding's names, where the bytes allow it."""
    encoding = found(data, given_name)
    assert (encoding.name, encoding.mark_length) == (name, mark_length)


@pytest.mark.parametrize(
    ("given_name", "data"),
    [
        ("utf-8", GERMAN.encode("cp1252")),
        ("cp1252", b"\x81"),
        ("cp1252", GERMAN.encode()),
        ("cp1252", codecs.BOM_UTF8 + b"a"),
        ("cp1252", "a;b".encode("utf-16")),
        ("cp1252", b"a\x00b"),
        ("latin-1", "20 € – 30 €".encode("cp1252")),
        ("utf-16-be", "a;b".encode("utf-16")),
        ("shift_jis", GERMAN.encode("cp1252")),
    ],
)
def test_the_caller_s_word_is_held_against_the_bytes(given_name: str, data: bytes) -> None:
    """Bytes that are no text in it, the mark of another encoding, or text that is UTF-8 beyond doubt."""
    assert code(data, given_name) == "file_encoding_does_not_fit"


@pytest.mark.parametrize("given_name", ["klingon", "", "utf-7", "rot13", "base64", "idna", "unicode_escape", "a\x00b"])
def test_a_name_of_no_encoding_of_text_is_refused(given_name: str) -> None:
    """Python has codecs that are no encodings of a file."""
    assert code(b"a", given_name) == "file_encoding_not_known"


@pytest.mark.parametrize(
    ("name", "cuttable"),
    [
        *((name, True) for name in ("utf-8", "cp1252", "cp1251", "koi8-r", "iso8859-7", "mac-roman", "cp437")),
        *((name, False) for name in ("utf-16-le", "shift_jis", "gb18030", "big5", "euc_kr", "iso2022_jp", "cp500")),
    ],
)
def test_only_encodings_in_which_ascii_is_ascii_can_be_cut(name: str, *, cuttable: bool) -> None:
    """A byte that looks like a line feed or a delimiter is one."""
    assert is_cuttable(name) is cuttable
