"""A profile says what the caller and the file leave open, and never more."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.columnar.reader import TableReader
from shared.domain.profile import Profile
from shared.domain.upload import Decision, SourceObject, Upload, UploadOptions, UploadState
from shared.errors import UploadRejected
from shared.services.draft_plan import DraftPlan, make_plan
from shared.services.load_chunk import read_chunk
from shared.services.ports import Objects
from tests.unit.test_plan import OneObject

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "Wann,Wer,Menge,Anteil"
MAPPING = {"Wann": "timestamp", "Wer": "machineName", "Menge": "goodParts", "Anteil": "quality"}


def made(name: str = "MES", *, header: str = HEADER, day: int = 1, **content: Any) -> Profile:
    return Profile(
        **{"mapping": MAPPING} | content,
        name=name,
        header=header.split(","),
        revision=name,
        created_at=NOW,
        created_by="p",
        updated_at=NOW + timedelta(days=day),
        updated_by="p",
    )


class Import:
    """A file that was planned with profiles, and what became of its rows."""

    def __init__(self, data: bytes, *profiles: Profile, chunk_bytes: int = 1 << 20, **options: Any) -> None:
        bucket = cast("Objects", OneObject(data))
        upload = Upload(
            tenant_id="t", upload_id="u", created_at=NOW, created_by="p", correlation_id="c", request_digest="d",
            state=UploadState.PLANNING, file_name="f", file_size=len(data), mime_type="text/csv", object_key="k",
            options=UploadOptions(**{"work_unit_id": "w", "import_type": "csv"} | options),
            source=SourceObject(key="k", version_id="v1", etag="e", size=len(data)),
        )  # fmt: skip
        self.draft: DraftPlan = make_plan(upload, bucket, chunk_bytes, profiles)
        reader = TableReader(self.draft.plan, NOW)
        parts = [part for chunk in self.draft.chunks for part in read_chunk(chunk, reader, bucket)]
        self.rows = [row for part in parts for row in part.texts.rows(named=True)]
        self.refused = [problem.code for part in parts for row in part.refused for problem in row.errors]

    def values(self, field: str) -> list[Any]:
        """The texts of a field, with a space before the time."""
        return [text.replace("T", " ") if field == "timestamp" else text for text in self._cells(field)]

    def numbers(self, field: str) -> list[float]:
        """The numbers of a field."""
        return [float(text) for text in self._cells(field)]

    def _cells(self, field: str) -> list[str]:
        return [row[field] for row in self.rows]

    def decision(self, subject: str) -> Decision:
        """The only decision about something."""
        [found] = [one for one in self.draft.summary.decisions if one.subject == subject]
        return found

    @property
    def subjects(self) -> set[str]:
        """What was decided."""
        return {one.subject for one in self.draft.summary.decisions}


def csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


ROW = "2026-03-01T10:00:00Z,Press 1,5,0.9"
OPEN_DATE = "03/04/2026 10:00,Press 1,5,0.9"


def test_a_file_of_the_kind_needs_no_choice() -> None:
    """Mapping, zone, identity and order of dates come from the profile, and each is told, the profile first."""
    found = Import(csv(OPEN_DATE), made(date_order="DMY", time_zone="Europe/Berlin", identity="occurrence"))
    assert found.values("timestamp") == ["2026-04-03 10:00:00+02:00"]
    assert found.values("machine_name") == ["Press 1"]
    assert found.draft.summary.decisions[0] == Decision(
        subject="profile", choice="MES", evidence="the header is that of the profile"
    )
    assert found.decision("time zone").choice == "Europe/Berlin"
    assert found.decision("identity").choice == "occurrence"
    assert "as the profile has it" in found.decision("dates in timestamp").evidence
    assert (found.draft.plan.options.identity, found.draft.plan.options.time_zone) == ("occurrence", "Europe/Berlin")


def test_without_a_profile_nothing_changes() -> None:
    """Neither where there is none, nor where there are those of other kinds."""
    for profiles in ((), (made(header="Wann,Wer,Menge"), made(header=f"{HEADER},Mehr"))):
        with pytest.raises(UploadRejected) as rejection:
            Import(csv(ROW), *profiles)
        assert rejection.value.code == "file_columns_missing"
    known = Import(b"timestamp,machineName\n2026-03-01T10:00:00Z,m\n", made(time_zone="Europe/Berlin"))
    assert "profile" not in known.subjects
    assert known.draft.plan.options.identity == "key"


def test_columns_may_move_and_refused_rows_come_back() -> None:
    """The columns are known by name, and our download's do not count."""
    moved = Import(csv("Press 1,0.9,2026-03-01T10:00:00Z,5", header="wer,ANTEIL,Wann ,Menge,"), made())
    assert moved.values("good_parts") == ["5"]
    back = Import(csv(f"2,x,y,{ROW}", header=f"linefeed:row,linefeed:codes,linefeed:reasons,{HEADER}"), made())
    assert (back.numbers("good_parts"), back.decision("profile").choice) == ([5], "MES")


def test_the_caller_goes_before_the_profile() -> None:
    """In each thing by itself; what the caller says nothing of stays the profile's."""
    profile = made(date_order="DMY", time_zone="Europe/Berlin", identity="occurrence", defaults={"shift": "1"})
    found = Import(
        csv(OPEN_DATE), profile, date_order="MDY", time_zone="UTC", identity="key",
        mapping={"Menge": "rejectParts"}, defaults={"shift": "2", "siteName": "Süd"},
    )  # fmt: skip
    assert found.values("timestamp") == ["2026-03-04 10:00:00+00:00"]
    assert found.draft.plan.options.identity == "key"
    assert (found.values("reject_parts"), found.values("shift"), found.values("site_name")) == (["5"], ["2"], ["Süd"])
    assert "good_parts" not in found.rows[0]
    assert found.values("quality") == ["0.9"]
    assert {found.decision(name).evidence for name in ("identity", "default of shift")} == {"given by the caller"}


def test_a_field_that_the_caller_gives_otherwise_is_not_mapped_twice() -> None:
    """Neither by another column nor as a default."""
    other = Import(csv(ROW), made(), mapping={"Wer": None, "Menge": "machineName"})
    assert other.values("machine_name") == ["5"]
    default = Import(csv(ROW), made(), defaults={"machineName": "Press 9"})
    assert default.values("machine_name") == ["Press 9"]


def test_a_default_of_the_profile_fills_what_no_column_gives() -> None:
    """A column that there is goes before it."""
    profile = made(mapping={"Wann": "timestamp"}, defaults={"machineName": "Press 9", "shift": "1"})
    assert Import(csv(ROW), profile).values("machine_name") == ["Press 9"]
    own = Import(csv(ROW), profile, mapping={"Wer": "machineName"})
    assert (own.values("machine_name"), own.values("shift")) == (["Press 1"], ["1"])


def test_a_named_profile_goes_before_the_one_of_the_header() -> None:
    """It holds whatever the header is; columns that the file lacks are left out."""
    of_header, named = made(time_zone="Europe/Berlin"), made("other", header="Wann,Wer,X", time_zone="UTC")
    found = Import(csv(OPEN_DATE), of_header, named, profile="other", date_order="DMY")
    assert found.values("timestamp") == ["2026-04-03 10:00:00+00:00"]
    assert found.decision("profile").evidence.startswith("named by the caller; the file's header is another")


def test_a_profile_that_is_not_there_is_a_files_problem() -> None:
    """It may have been deleted since the upload was started."""
    with pytest.raises(UploadRejected) as rejection:
        Import(csv(ROW), made(), profile="gone")
    assert rejection.value.code == "profile_not_found"


def test_of_several_the_one_that_was_changed_last_is_taken() -> None:
    """And the others are told."""
    found = Import(csv(ROW), made("old", day=1), made("new", day=3), made("older", day=0))
    assert found.decision("profile").choice == "new"
    assert found.decision("profile").evidence.endswith("of “old”, “older”, changed before it")


@pytest.mark.parametrize(
    ("dates", "order", "read"),
    [
        (["03/04/2026 10:00", "25/04/2026 10:00"], "MDY", "2026-04-03"),
        (["03/04/2026 10:00", "04/25/2026 10:00"], "DMY", "2026-03-04"),
        (["03.04.2026 10:00"], "MDY", "2026-03-04"),
    ],
)
def test_the_files_dates_go_before_the_profile(dates: list[str], order: str, read: str) -> None:
    """Where they prove an order; that points mean the day first is only a convention."""
    found = Import(csv(*[f"{date},Press 1,5,0.9" for date in dates]), made(date_order=order, time_zone="UTC"))
    assert found.values("timestamp")[0].startswith(read)
    assert ("which the profile has" in found.decision("dates in timestamp").evidence) == (len(dates) > 1)


def test_a_profile_of_years_first_decides_no_order() -> None:
    """Day or month stays open, and is asked for."""
    with pytest.raises(UploadRejected) as rejection:
        Import(csv(OPEN_DATE), made(date_order="YMD", time_zone="UTC"))
    assert rejection.value.code == "column_date_ambiguous"


@pytest.mark.parametrize(
    ("numbers", "mark", "read"),
    [
        (["1.234"], ",", "1234"),
        (["1.234"], ".", "1.234"),
        (["1.234", "5.25"], ",", "1.234"),
        (["7"], ",", "7"),
    ],
)
def test_the_files_numbers_go_before_the_profile(numbers: list[str], mark: str, read: str) -> None:
    """What they leave open is the profile's to say, and a contradiction is told."""
    rows = [f'2026-03-01T10:0{n}:00Z,Press 1,"{number}",0.9' for n, number in enumerate(numbers)]
    mapping = {**MAPPING, "Anteil": None}
    found = Import(csv(*rows), made(decimal_mark=mark, mapping=mapping))
    assert found.values("good_parts")[0] == read
    told = [one.evidence for one in found.draft.summary.decisions if one.subject == "numbers in goodParts"]
    assert any("which the profile has" in text for text in told) == (len(numbers) > 1)


@pytest.mark.parametrize(
    ("ratios", "scale", "read"),
    [
        (["0.85", "0.9"], "percent", [0.85, 0.9]),
        (["85", "90"], "fraction", [0.85, 0.9]),
        (["1.5", "90"], "percent", [0.015, 0.9]),
        (["0", "0"], "percent", [0, 0]),
    ],
)
def test_the_files_ratios_go_before_the_profile(ratios: list[str], scale: str, read: list[float]) -> None:
    """Where they show one scale but for slips."""
    rows = [f"2026-03-01T10:0{n}:00Z,Press 1,5,{ratio}" for n, ratio in enumerate(ratios)]
    found = Import(csv(*rows), made(ratio_scale=scale))
    assert found.numbers("quality") == read
    evidence = found.decision("scale of quality").evidence
    assert ("which the profile has" in evidence) == (ratios[1] == "0.9" or scale == "fraction")


def test_an_encoding_that_fits_as_well_is_the_profiles_to_choose() -> None:
    """Here the bytes of one Polish name, which Windows-1252 reads as well."""
    header, profile_header = "Wann;Wer;Menge;Anteil", HEADER
    data = f"{header}\n2026-03-01T10:00:00Z;Prasa ¿;5;0.9\n".encode("cp1252")
    plain = Import(data, made(header=profile_header))
    assert plain.decision("encoding").choice == "cp1252"
    polish = Import(data, made(header=profile_header, encoding="windows-1250"))
    assert (polish.decision("encoding").choice, polish.values("machine_name")) == ("cp1250", ["Prasa ż"])
    assert "as the profile has it" in polish.decision("encoding").evidence
    said = Import(data, made(header=profile_header, encoding="windows-1250"), encoding="cp1252")
    assert said.decision("encoding").choice == "cp1252"


def test_a_files_own_encoding_goes_before_the_profiles() -> None:
    """UTF-8 proves itself."""
    found = Import("Wann;Wer;Menge;Anteil\n2026-03-01T10:00:00Z;Größe;5;0.9\n".encode(), made(encoding="cp1250"))
    assert found.values("machine_name") == ["Größe"]


def test_an_encoding_that_nobody_recognizes_is_the_profiles() -> None:
    """Only where the header is the profile's then."""
    data = "Wann;Wer;Menge;Anteil\n2026-03-01T10:00:00Z;Früh;5;0.9\n".encode("mac-roman")
    for profile in (made(), made(encoding="utf-8"), made(encoding="mac-roman", header="Wann,Wer")):
        with pytest.raises(UploadRejected) as rejection:
            Import(data, profile)
        assert rejection.value.code == "file_encoding_ambiguous"
    other = made("other", day=2, header="Wann,Wer", encoding="cp1250")
    assert Import(data, other, made(encoding="mac-roman")).values("machine_name") == ["Früh"]


@pytest.mark.parametrize("line_end", ["\n", "\r"])
def test_a_delimiter_that_was_found_wrongly_is_the_profiles(line_end: str) -> None:
    """Here commas cut the cells more evenly than the bars between them; also in a file that is staged."""
    rows = [f"a,b,c,d,{n}|2026-03-01T10:0{n}:00Z|Press 1" for n in range(5)]
    data = line_end.join(["Notiz, frei|Wann|Wer", *rows, ""]).encode()
    header = "Notiz frei,Wann,Wer"
    profile = made(header=header, mapping={"Wann": "timestamp", "Wer": "machineName"}, delimiter="|")
    with pytest.raises(UploadRejected):
        Import(data, profile.model_copy(update={"delimiter": None}))
    found = Import(data, profile)
    assert found.values("machine_name") == ["Press 1"] * 5
    assert found.decision("delimiter").evidence == "as the profile has it"
    with pytest.raises(UploadRejected):
        Import(data, profile, delimiter=",")


def workbook(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


TABLE: list[list[Any]] = [HEADER.split(","), ["2026-03-01T10:00:00Z", "Press 1", 5, 0.9]]
LONGER: list[list[Any]] = [*TABLE, ["2026-03-01T11:00:00Z", "Press 2", 5, 0.9]]


def test_a_sheet_that_might_be_meant_is_the_profiles_to_choose() -> None:
    """Where there is one of the name, and its header is the profile's; the caller goes before it."""
    data = workbook(Feb=LONGER, Jan=TABLE, Other=[["a", "b"], [1, 2]])
    assert Import(data, made(), import_type="excel").decision("sheet").choice == "Feb"
    chosen = Import(data, made(sheet="jan"), made("x", sheet="Other"), import_type="excel")
    assert (chosen.decision("sheet").choice, chosen.values("machine_name")) == ("Jan", ["Press 1"])
    assert Import(data, made(sheet="Mar"), import_type="excel").decision("sheet").choice == "Feb"
    assert Import(data, made(sheet="Jan"), import_type="excel", sheet="Feb").decision("sheet").choice == "Feb"
    assert Import(workbook(Feb=LONGER), made(sheet="Jan"), import_type="excel").decision("sheet").choice == "Feb"


def test_texts_among_typed_numbers_are_read_by_the_profile() -> None:
    """In a workbook and in JSON, whose columns are known only at its end."""
    rows: list[list[Any]] = [*TABLE, ["2026-03-01T11:00:00Z", "Press 2", "1.234", 0.9]]
    found = Import(workbook(A=rows), made(decimal_mark=","), import_type="excel")
    assert found.values("good_parts") == ["5", "1234"]
    lines = ['{"Wann": "2026-03-01T10:00:00Z", "Wer": "m", "Menge": "1.234", "Anteil": 0.9}',
             '{"Anteil": 0.8, "Wann": "2026-03-01T11:00:00Z", "Wer": "m", "Menge": 2.5}']  # fmt: skip
    told = Import("\n".join(lines).encode(), made(decimal_mark=","), import_type="json")
    assert (told.values("good_parts"), told.decision("profile").choice) == (["1234", "2.5"], "MES")


def test_what_was_chosen_and_shown_is_found_for_a_profile() -> None:
    """Not what is only a convention or a default: a later file might show the opposite."""
    data = "Wann;Wer;Menge;Anteil\n25/03/2026 10:00;Press 1;5,25;85\n".encode("utf-16")
    found = Import(data, mapping=MAPPING, time_zone="Europe/Berlin", identity="occurrence").draft.found
    assert (found.mapping, found.time_zone, found.identity) == (MAPPING, "Europe/Berlin", "occurrence")
    assert (found.encoding, found.delimiter, found.decimal_mark) == ("utf-16-le", ";", ",")
    assert (found.date_order, found.ratio_scale) == ("DMY", "percent")
    open_file = csv("03.03.2026 10:00,Press 1,5,0", "03.04.2026 10:00,Press 1,5,0")
    found = Import(open_file, mapping=MAPPING, time_zone="UTC").draft.found
    assert (found.decimal_mark, found.date_order, found.ratio_scale) == (None, None, None)


@given(
    order=st.sampled_from([None, "DMY", "MDY", "YMD"]),
    mark=st.sampled_from([None, ".", ","]),
    scale=st.sampled_from([None, "fraction", "percent"]),
    days=st.lists(st.integers(1, 28), min_size=1, max_size=4),
)
def test_a_profile_never_changes_what_a_file_proves(order: Any, mark: Any, scale: Any, days: list[int]) -> None:
    """Whatever it says, a file that can be read without it is read alike with it."""
    rows = [f"{day:02}/12/2026 10:0{n},Press 1,{n}.5,0.8{n}" for n, day in enumerate([*days, 25])]
    alone = Import(csv(*rows), mapping=MAPPING, time_zone="UTC")
    with_profile = Import(csv(*rows), made(date_order=order, decimal_mark=mark, ratio_scale=scale, time_zone="UTC"))
    assert with_profile.rows == alone.rows
    assert with_profile.refused == alone.refused


def test_columns_that_show_nothing_leave_it_to_the_others() -> None:
    """And columns that differ leave it open."""
    header = "timestamp,machineName,availability,quality,oee"
    zeros = Import(csv("2026-03-01T10:00:00Z,m,85,0,0", header=header))
    assert zeros.draft.found.ratio_scale == "percent"
    both = Import(csv("2026-03-01T10:00:00Z,m,85,0.9,0", header=header))
    assert both.draft.found.ratio_scale is None


def test_planning_again_with_what_was_saved_changes_nothing() -> None:
    """As when the step that saved the profile is repeated: the file is read alike."""
    data = "Wann;Wer;Menge;Anteil\n03/04/2026 10:00;Süd;1.234;85\n".encode("cp1252")
    options: dict[str, Any] = {"mapping": MAPPING, "time_zone": "UTC", "date_order": "DMY", "decimal_mark": ","}
    first = Import(data, **options)
    again = Import(data, made(**dict(first.draft.found)), **options)
    assert again.draft.plan == first.draft.plan
    assert (again.rows, again.refused) == (first.rows, first.refused)
    assert again.draft.found == first.draft.found
    later = Import(data, made(**dict(first.draft.found)))
    assert (later.rows, later.draft.found) == (first.rows, first.draft.found)


ODD_TEXT = st.text(alphabet=st.sampled_from('Wane,;|\t"\n\r1/2. ÄÖ¿ř'), max_size=60)


@given(
    text=ODD_TEXT,
    codec=st.sampled_from(["utf-8", "cp1250", "cp852", "mac-roman", "utf-16"]),
    encoding=st.sampled_from([None, "cp1250", "mac-roman", "utf-16", "utf-7", "shift_jis", "nothing", "idna"]),
    delimiter=st.sampled_from([None, ",", ";", "\t", "|"]),
    named=st.booleans(),
    kind=st.sampled_from(["csv", "json", "excel"]),
)
def test_no_profile_makes_planning_fail_otherwise_than_by_the_file(
    text: str, codec: str, encoding: Any, delimiter: Any, named: bool, kind: str
) -> None:
    """Whatever is in a profile and in a file: it is read, or refused with a code."""
    data = f"{HEADER.replace(',', delimiter or ',')}\n{ROW}\n{text}\n".encode(codec, "replace")
    profile = made(encoding=encoding, delimiter=delimiter, sheet="A", date_order="DMY", defaults={"shift": "1"})
    with suppress(UploadRejected):
        found = Import(data, profile, made("x", header="Wann,b"), import_type=kind, profile="MES" if named else None)
        assert found.rows or found.refused
