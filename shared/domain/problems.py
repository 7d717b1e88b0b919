"""Problems as data: each has a stable code, a severity and a sentence that says what to do.

`ROW_PROBLEMS` are about one row, `FILE_PROBLEMS` about a file as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic_core import PydanticCustomError


class Severity(StrEnum):
    """An error keeps its row out; a warning is counted and the row goes in."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a row.

    `field` is the record field's API name, None for the row as a whole; `value` the text as it stood in the file;
    `error` a sentence for people.
    """

    field: str | None
    value: str | None
    code: str
    error: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Why a file cannot be imported as it is: a code of `FILE_PROBLEMS` and its sentence."""

    code: str
    message: str


ROW_PROBLEMS: dict[str, str] = {
    "required": "A value is required here",
    "text_too_long": "At most {max_length} characters fit here",
    "text_has_nul": "The text holds a NUL character, which no database text can; remove it",
    "cell_is_error": "The formula in this cell has failed ({error}); correct it, or write the value in its place",
    "number_unreadable": "This cannot be read as a number; write it like {example}",
    "number_has_comma": "The numbers of this column have a decimal point, this one has a comma; write {choices}",
    "number_has_point": "The numbers of this column have a decimal comma, this one has a point; write {choices}",
    "number_too_precise": "At most {places} decimal places fit here",
    "number_too_large": "The number is too large; at most {digits} digits fit before the point",
    "number_too_small": "The number must be {minimum} or more",
    "number_not_positive": "The number must be greater than {minimum}",
    "ratio_ambiguous": "In this column of {scale} the value may mean {first} or {second}; write it with a % sign",
    "timestamp_unreadable": (
        "This is no timestamp that can be read without guessing; write it like 2026-03-01T14:30:00+01:00"
    ),
    "timestamp_impossible": "There is no such date or time",
    "timestamp_not_in_order": (
        "The dates of this column are read {order}, and this one cannot be; write it like 2026-03-01T14:30:00+01:00"
    ),
    "timestamp_two_digit_year": "The year has two digits, so the date cannot be read without guessing; write all four",
    "timestamp_out_of_range": (
        "The year must be between {first} and {last}; a spreadsheet makes such dates of a time or a number alone, so "
        "write the date that was meant"
    ),
    "timestamp_without_zone": (
        "The timestamp has no time zone; write it like 2026-03-01T14:30:00+01:00, or give timeZone with the upload"
    ),
    "timestamp_cut": "The time is finer than the microseconds that are kept; it was read as {choice}",
    "timestamp_in_gap": "Clocks were set forward over this local time; it was read as {choice}",
    "timestamp_in_fold": "This local time came twice when clocks were set back; the first one, {choice}, was taken",
    "row_malformed": "The row cannot be cut into cells: {reason}",
    "row_too_few_cells": (
        "The row has {cells} cells where the header has {columns}; add the missing ones, empty if there is nothing"
    ),
    "row_too_many_cells": (
        "The row has {cells} cells where the header has {columns}; quote a cell that holds the delimiter"
    ),
    "cell_missing": (
        "The cell marked “linefeed:missing” was missing in the file; write there what belongs there, or empty it, "
        "once the row's other cells are right"
    ),
    "cell_cut": (
        "The cell that ends with “linefeed:cut” is not whole, because it does not fit a workbook; write it anew, or "
        "send the row from the CSV of refused rows, which has it whole"
    ),
}
"""Sentences by code, but for those of the business rules, which stand with the rules."""

FILE_PROBLEMS: dict[str, str] = {
    "file_empty": "The file is empty. Send a file with a header line and at least one row.",
    "file_no_records": "The file has a header but no rows.",
    "file_too_large": "The file has {size:,} bytes; at most {limit:,} are taken. Split it.",
    "file_size_mismatch": "The file has {size:,} bytes where {declared:,} were announced. Upload it again.",
    "file_not_text": "The file is {what}, not a CSV file. Save the table as CSV (UTF-8) and upload that.",
    "file_not_json": (
        "The file is {what}, not JSON. Send an array of records, an object that holds one, or one record a line, "
        "in UTF-8."
    ),
    "file_not_workbook": "The file is {what}, not an Excel workbook. Save it as .xlsx, or as CSV and upload that.",
    "file_name_misleads": (
        "The file is named {named} but is {what}. Give it the name that fits, or save it as {named}, and upload that."
    ),
    "file_foreign_data": (
        "The file holds other data before, between or behind its own, as when two files were put into one. Open it, "
        "save it again, and upload that."
    ),
    "file_not_received": "No file has come in time. Start the upload again, and send the file at once.",
    "preview_expired": (
        "Nobody has confirmed the preview within {days} days, so the import was cancelled. Retry it to look at the "
        "preview again, or upload the file again."
    ),
    "file_not_scanned": "The file has not been checked yet. Upload it again.",
    "file_infected": (
        "The malware scanner found “{threat}” in the file, so it was put away and nothing of it was read. Do not open "
        "it; ask your administrator to look at the machine that it comes from."
    ),
    "file_scan_failed": (
        "The file could not be checked for malware, so nothing of it was read. Upload it again in some minutes; if "
        "that does not help, tell the supportId to your administrator."
    ),
    "file_encoding_unknown": (
        "The encoding of the file's text was not recognized. Save it as CSV (UTF-8), or name its encoding with the "
        "upload."
    ),
    "file_encoding_ambiguous": (
        "The encoding of the file's text is not certain: among others it may be {first} (“{first_text}”) or {second} "
        "(“{second_text}”). Name the right one with the upload."
    ),
    "file_encoding_mixed": (
        "The file's text is UTF-8, but not in line {line}: the file was cut off, or put together from files in "
        "different encodings. Export it again in one encoding."
    ),
    "file_encoding_not_known": "“{given}” is no encoding of text that is read here; name one like windows-1250.",
    "file_encoding_does_not_fit": (
        "The file's text is not {given}: {reason}. Export it again, or name the encoding that it is in."
    ),
    "file_gzip_corrupt": "The gzip archive is damaged, cut off, or followed by other data. Make it again.",
    "file_gzip_too_large": "Unpacked, the gzip archive holds more than {limit:,} bytes. Split the file.",
    "file_gzip_ratio": (
        "The gzip archive unpacks to more than {ratio:,} times its size, which no table does. Upload it unpacked."
    ),
    "file_line_too_long": "Line {line} is longer than a megabyte, so this is no table. Check the file's line ends.",
    "file_header_unreadable": (
        "Line {line}, where the header should be, cannot be read as one. Put the column names there."
    ),
    "file_columns_missing": (
        "No column of the file is {missing}. Its columns are {found}. Rename one, or give the value with the upload "
        "as a default."
    ),
    "file_column_not_there": (
        "The mapping names the column “{column}”, which the file does not have. Its columns are {found}."
    ),
    "profile_not_found": "There is no profile “{name}”. Choose one that is there, or leave the profile out.",
    "correction_columns_differ": (
        "A correction has the columns of the CSV with the refused rows of the upload that it corrects, in their order: "
        "{expected}. This file has {found}. Send the rows in those columns."
    ),
    "correction_row_unreadable": (
        "Line {line} of the correction does not say in the column linefeed:row, by its number, which row of the "
        "corrected file it is. Leave that column as the download has it."
    ),
    "correction_row_unknown": (
        "Row {row}, in line {line} of the correction, is none of the refused rows of the upload that it corrects. A "
        "correction has refused rows alone; send others as an upload of their own."
    ),
    "correction_row_twice": "The correction has row {row} twice. Leave one of the two out.",
    "correction_row_shared": (
        "Several records of the corrected file have the row {row}, so it is not certain which one is meant. Send the "
        "corrected records as an upload of their own."
    ),
    "correction_row_corrected": (
        "Row {row} is in another correction of the same upload already ({other}). Leave it out, or undo that "
        "correction first."
    ),
    "correction_too_many_rows": (
        "A correction may have {limit:,} rows. Send the corrected file as an upload of its own, with deduplication."
    ),
    "correction_upload_gone": (
        "What is known of the upload that is corrected has expired. Send the rows as an upload of their own."
    ),
    "file_column_twice": "The columns “{first}” and “{second}” both mean {field}. Rename or remove one of them.",
    "workbook_unreadable": (
        "The workbook cannot be read. Open it in Excel or LibreOffice, save it again as .xlsx, and upload that."
    ),
    "workbook_encrypted": "The workbook is protected with a password. Save it without one and upload that.",
    "workbook_macros": (
        "The workbook holds macros, which are not taken. Save it as .xlsx (an Excel workbook without macros), or the "
        "sheet as CSV, and upload that."
    ),
    "workbook_active_content": (
        "The workbook holds ActiveX controls. Delete them (Developer › Design Mode), or save the sheet as CSV, and "
        "upload that."
    ),
    "workbook_embedded_object": (
        "The workbook has other files or objects embedded in it. Delete them, or save the sheet as CSV, and upload "
        "that."
    ),
    "workbook_external_links": (
        "The workbook takes data or pictures from other files or addresses. Break these links (in Excel: Data › Edit "
        "Links › Break Link), or save the sheet as CSV, and upload that."
    ),
    "workbook_xml_doctype": (
        "The part “{part}” of the workbook declares a document type, which no spreadsheet program writes. Open it in "
        "Excel or LibreOffice, save it again as .xlsx, and upload that."
    ),
    "workbook_xml_encoding": (
        "The part “{part}” of the workbook is not in UTF-8. Open it in Excel or LibreOffice, save it again as .xlsx, "
        "and upload that."
    ),
    "workbook_text_too_long": (
        "A text in the part “{part}” of the workbook is longer than a megabyte, where a cell holds 32,767 characters. "
        "Shorten it and upload the workbook again."
    ),
    "workbook_part_unknown": (
        "The workbook holds “{part}”, which does not belong to a workbook. Open it in Excel or LibreOffice, save it "
        "again as .xlsx, and upload that."
    ),
    "xls_structure_wrong": (
        "The .xls workbook is damaged: its parts contradict each other. Open it in Excel, save it as .xlsx, and upload "
        "that."
    ),
    "archive_too_large": (
        "Unpacked, the workbook is larger than the {limit:,} bytes that one of its size may be. Remove what is not "
        "data, split it, or save the sheet as CSV (UTF-8)."
    ),
    "archive_too_many_members": (
        "The workbook has more than {limit:,} parts. Remove what is not data, or save the sheet as CSV (UTF-8)."
    ),
    "archive_members_overlap": (
        "Parts of the workbook lie over each other, as no spreadsheet program writes them. Open it in Excel or "
        "LibreOffice, save it again as .xlsx, and upload that."
    ),
    "archive_sizes_differ": (
        "The part “{part}” of the workbook is not what the workbook says it is. Open it in Excel or LibreOffice, save "
        "it again as .xlsx, and upload that."
    ),
    "archive_names_twice": (
        "The workbook has the part “{part}” twice. Open it in Excel or LibreOffice, save it again as .xlsx, and upload "
        "that."
    ),
    "archive_name_unsafe": (
        "“{part}” is no name for a part of a file. Open the file in the program it comes from, save it again, and "
        "upload that."
    ),
    "archive_method_unknown": (
        "The part “{part}” of the workbook is compressed in a way that spreadsheets are not. Open it in Excel or "
        "LibreOffice, save it again as .xlsx, and upload that."
    ),
    "archive_in_archive": "The workbook holds “{part}”, {what}. Delete it, or save the sheet as CSV, and upload that.",
    "workbook_too_complex": (
        "Reading the workbook takes more memory or time than it may. Remove what is not data (cells far from the "
        "table, other sheets), split it, or save the sheet as CSV (UTF-8)."
    ),
    "workbook_sheet_too_large": (
        "The sheet “{sheet}” spans {rows:,} rows × {columns:,} columns. Delete what stands far from the table, or "
        "save the sheet as CSV (UTF-8)."
    ),
    "workbook_no_sheet": "The workbook has no visible sheet with anything in it. Unhide the sheet, or name it.",
    "sheet_not_found": "The workbook has no sheet “{sheet}”. Its sheets are {found}.",
    "file_column_and_default": "{field} is both a column (“{column}”) and a default. Give it one way.",
    "file_too_many_errors": (
        "More than {limit:,} rows of the file are refused, so the import stopped where that came to light. What stands "
        "before went in and stays; fix the refused rows, or give a larger maxErrors, and upload the file again with "
        "deduplication."
    ),
    "file_has_refused_rows": (
        "Rows of the file were refused, and with onError “abort” nothing of it goes in then. Fix them and upload the "
        "file again."
    ),
    "column_number_ambiguous": (
        "The numbers in the column “{column}”, such as {examples}, can be read in two ways: {example} is {point} with "
        "a decimal point and {comma} with a decimal comma. Give decimalMark (“.” or “,”) with the upload."
    ),
    "column_number_mixed": (
        "The column “{column}” has numbers with a decimal point: {points}, and with a decimal comma: {commas}. Write "
        "them alike, or give decimalMark (“.” or “,”) with the upload; the rows with the other are refused then."
    ),
    "column_date_ambiguous": (
        "The dates in the column “{column}” can be read in two ways: “{example}” is {day_first} "
        "with the day first and {month_first} with the month first. Give dateOrder (DMY or MDY) with the upload."
    ),
    "column_date_mixed": (
        "The column “{column}” has dates with the day first: {day_first}, and with the month first: {month_first}. "
        "Write them alike, or give dateOrder (DMY or MDY) with the upload; rows that do not fit are refused then."
    ),
    "column_ratio_mixed": (
        "The column “{column}” has values up to 1: {fractions}, as fractions are, values above 2: {percents}, as "
        "percents are, and values between: {between}, which may be either. Write them alike or with a % sign, or give "
        "ratioScale (fraction or percent) with the upload; rows that do not fit are refused then."
    ),
    "json_encoding": "The file is not valid UTF-8 or UTF-16 text (see byte {offset}). Save it as UTF-8.",
    "json_not_records": (
        "The file starts with “{start}”, so it is no JSON. Send an array of records, an object that holds one, or one "
        "record a line."
    ),
    "json_no_records": "The file holds no records. Send at least one.",
    "json_no_array": (
        "No member of the file's object is an array of records; its members are {members}. Put the records into one."
    ),
    "json_several_arrays": "Each of {members} is an array of records. Send one of them in a file.",
    "json_truncated": "The file ends on line {line} in the middle of its data. Export it again, and upload it whole.",
    "json_syntax": "Line {line} is not valid JSON: {reason}. Correct it, or export the file again.",
    "json_text_after_end": (
        "Text stands on line {line}, behind the end of the records. Put all records into one array, or each on a line "
        "of its own."
    ),
    "json_record_not_object": (
        "Line {line}: {reason}. Write every record as an object that names its values, like "
        '{{"machineName": "Press 1"}}.'
    ),
    "json_record_too_long": (
        "The value that starts on line {line} is longer than a megabyte, so it is no record. Check how the file nests."
    ),
    "json_too_many_columns": "The records have more than {limit} different members. Send those of one kind in a file.",
    "json_too_deep": "Line {line}: {reason}. Export the records flat.",
    "json_duplicate_key": "Line {line}: {reason}. Give each member of an object once.",
    "json_number_too_large": "Line {line}: {reason}. Correct it.",
    "json_number_not_finite": "Line {line}: {reason}. Write null where there is no value.",
    "json_nul": "Line {line}: {reason}. Remove it.",
    "json_lone_surrogate": "Line {line}: {reason}. Correct the text.",
}


def refuse(code: str, **values: object) -> PydanticCustomError:
    """The error that pydantic carries to the row's problems; `values` fill the sentence of the code."""
    return PydanticCustomError(code, "{sentence}", {"sentence": ROW_PROBLEMS[code].format(**values)})


def file_refusal(code: str, **values: object) -> FileProblem:
    """A file's problem by its code; `values` fill the sentence."""
    return FileProblem(code, file_problem(code, **values))


def row_problem(code: str, *, field: str | None = None, value: str | None = None, **values: object) -> Problem:
    """A row's problem by its code; `values` fill the sentence."""
    return Problem(field, value, code, ROW_PROBLEMS[code].format(**values))


def file_problem(code: str, **values: object) -> str:
    """The sentence of a file's problem; `values` fill it."""
    return FILE_PROBLEMS[code].format(**values)
