"""Headers find their field whatever their case, spaces and language; what finds none is kept by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.headers import (
    DOTTED_PATHS,
    ColumnMapping,
    HeaderProblem,
    is_nested_group,
    map_headers,
    normalize_header,
    recognized_fields,
)


def mapped(*headers: str, **defaults: str) -> ColumnMapping:
    mapping = map_headers(headers, defaults)
    assert isinstance(mapping, ColumnMapping), mapping
    return mapping


@given(st.text())
def test_normalizing_twice_is_normalizing_once(text: str) -> None:
    """So a normalized header finds what the header found."""
    assert normalize_header(normalize_header(text)) == normalize_header(text)


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("GoodParts", "good_parts"),
        ("good_parts", "good_parts"),
        (" Good \n parts ", "good_parts"),
        ("acceptedParts", "good_parts"),
        ("Gutmenge", "good_parts"),
        ("Ausschuss", "reject_parts"),
        ("scrapParts", "reject_parts"),
        ("Stillst.Zeit(Min.)", "downtime_minutes"),
        ("PlannedProductionTime", "planned_production_minutes"),
        ("runTime", "operating_minutes"),
        ("Teilenummer", "part_number"),
        ("OEE", "oee_score"),
        ("firstPassYield", "quality"),
    ],
)
def test_known_headers_find_their_field(header: str, field: str) -> None:
    """The source system's, the common English, the German ones."""
    assert mapped("LastUpdatedTimestamp", "MachineName", header).columns == ("timestamp", "machine_name", field)


def test_what_maps_to_nothing_is_kept_under_its_own_header() -> None:
    """Also an empty header, and one that comes twice."""
    mapping = mapped("timestamp", "machine", "Mold", "", "Mold")
    assert mapping.attribute_names == {2: "Mold", 3: "Column 4", 4: "Mold (2)"}


def test_the_likeliest_of_several_names_has_the_field() -> None:
    """A timestamp beside a date: both stay, one is the record's."""
    mapping = mapped("Datum", "Timestamp", "Maschine")
    assert mapping.columns == (None, "timestamp", "machine_name")
    assert mapping.attribute_names == {0: "Datum"}


def test_our_own_columns_of_a_download_are_ignored() -> None:
    """So a fixed file goes in as it came."""
    mapping = mapped("linefeed:row", "linefeed:codes", "linefeed:reasons", "timestamp", "machine")
    assert mapping.ignored == {0, 1, 2}
    assert mapping.attribute_names == {}


@pytest.mark.parametrize(
    ("headers", "defaults", "code"),
    [
        (["timestamp", "goodParts"], {}, "file_columns_missing"),
        (["colour", "taste"], {}, "file_columns_missing"),
        (["timestamp", "Machine Name", "machine_name"], {}, "file_column_twice"),
        (["timestamp", "machine"], {"machine_name": "Press 1"}, "file_column_and_default"),
    ],
)
def test_a_header_that_cannot_be_mapped_says_why(headers: list[str], defaults: dict[str, str], code: str) -> None:
    """With the names at fault in the sentence."""
    problem = map_headers(headers, defaults)
    assert isinstance(problem, HeaderProblem)
    assert problem.code == code
    assert "machineName" in problem.message


def test_a_default_stands_in_for_a_required_column() -> None:
    """One machine for the whole file."""
    assert mapped("timestamp", machine_name="Press 1").columns == ("timestamp",)


def test_a_given_mapping_goes_before_what_is_known() -> None:
    """A column is what the caller says, or none although its name is known; other columns are as ever."""
    given = {"TS": "timestamp", "anlage": "machine_name", "good": None}
    mapping = map_headers(["ts", "Machine", "Anlage", "good"], {}, given)
    assert isinstance(mapping, ColumnMapping)
    assert mapping.columns == ("timestamp", None, "machine_name", None)
    assert mapping.attribute_names == {1: "Machine", 3: "good"}


def test_a_mapping_of_a_column_that_is_not_there_is_a_problem() -> None:
    """A slip in a header's name must not go unseen."""
    problem = map_headers(["timestamp", "machine"], {}, {"Machin": "machine_name"})
    assert isinstance(problem, HeaderProblem)
    assert problem.code == "file_column_not_there"


@pytest.mark.parametrize("path", sorted(DOTTED_PATHS))
def test_dotted_paths_are_columns_of_their_own(path: str) -> None:
    """Each has a group and a member, and finds a field beside any plain name."""
    group, member = path.split(".")
    assert member
    assert is_nested_group(group.upper())
    assert recognized_fields([path]) == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("part.number", "part_number"),
        ("Parts.Good", "good_parts"),
        ("oee.availability", "availability"),
        ("oee.score", "oee_score"),
        ("downtime.minutes", "downtime_minutes"),
    ],
)
def test_members_of_nested_objects_find_their_field(path: str, field: str) -> None:
    """By the name `group.member`."""
    assert mapped("timestamp", "machine.name", path).columns == ("timestamp", "machine_name", field)


def test_other_objects_are_no_groups() -> None:
    """They are kept whole."""
    assert not is_nested_group("tool")
