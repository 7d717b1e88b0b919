"""An encoding is found from the whole file, or none is claimed."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from shared.formats.encoding import find_encoding


@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_utf8_is_always_known(text: str) -> None:
    """Whatever is valid UTF-8 is read as UTF-8."""
    found = find_encoding(io.BytesIO(text.encode()))
    assert found is not None
    assert found.name == "utf-8"


def test_one_late_umlaut_in_windows_1252_decides_for_the_file() -> None:
    """The evidence may stand far behind the first block."""
    data = b"plain,ascii\n" * 200_000 + "Größe\n".encode("cp1252")
    found = find_encoding(io.BytesIO(data))
    assert found is not None
    assert found.name == "cp1252"


def test_a_multibyte_character_cut_at_the_end_is_not_utf8() -> None:
    """Half a character at the end of the file is noticed."""
    found = find_encoding(io.BytesIO("Grö".encode()[:-1]))
    assert found is not None
    assert found.name == "cp1252"


def test_bytes_that_no_supported_encoding_defines_are_not_guessed() -> None:
    """Nothing is claimed for what cannot be read."""
    assert find_encoding(io.BytesIO(b"a\xff\x81b")) is None
