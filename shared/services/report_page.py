"""The quality report as a page: one file without scripts, for a phone or paper, in the words of a plant.

Whatever came from a file or a person is escaped by `_text`, and the policy that goes with the page runs nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape

from shared.domain.quality_report import (
    CodeCount,
    ColumnRefusals,
    FieldReport,
    NamesReport,
    OeeReport,
    QualityReport,
    TimeReport,
)
from shared.services.report_style import CONTENT_SECURITY_POLICY, STYLE

_NAMES_SHOWN = 20
_COLUMNS_SHOWN = 100
_CHART_HEIGHT = 48
_SMALL_SHARE = 0.001

_STATUS_WORDS = {
    "completed": "Completed",
    "completed_with_errors": "Completed, with refused rows",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
_PERIOD_WORDS = {"day": "day", "month": "month", "year": "year"}
_WORD = re.compile(r"[A-Z]?[a-z]+")


def report_page(report: QualityReport) -> str:
    """The page."""
    sections = [
        _head(report),
        _fates(report),
        _refusals(report.refusals_by_column, report.further_refusals),
        _warnings(report.warnings, checked=report.rules_checked),
        _time(report.time),
        _names("Machines", report.machines),
        _names("Processes", report.processes),
        _oee(report.oee),
        _fields(report),
        _outliers(report.fields),
        _columns(report),
        _decisions(report),
        _footer(report),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CONTENT_SECURITY_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Quality report: {_plain(report.file_name)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _head(report: QualityReport) -> str:
    notes = [f"Work unit {_text(report.work_unit_id)}", f"uploaded {report.created_at:%Y-%m-%d %H:%M} UTC"]
    if report.dry_run:
        notes.append("a dry run: nothing was written")
    failure = report.failure
    told = (
        f'<p class="failure">{_text(failure.message)} <code>{_text(failure.support_id)}</code></p>' if failure else ""
    )
    return (
        f"<header><p class=kind>Quality report</p><h1>{_text(report.file_name)}</h1>"
        f'<p><span class="status {report.status}">{_STATUS_WORDS.get(report.status, report.status)}</span> '
        f"{'; '.join(notes)}.</p>{told}</header>"
    )


def _fates(report: QualityReport) -> str:
    totals = report.totals
    imported = "would be imported" if report.dry_run else "imported"
    fates = [
        ("good", imported, totals.imported),
        ("known", "there already", totals.duplicates),
        ("bad", "refused", totals.refused),
        ("left", "not processed", totals.unprocessed),
    ]
    shown = [fate for fate in fates if fate[2] or fate[0] != "left"]
    tiles = "".join(f'<div class="{kind}"><b>{count:,}</b> <span>{words}</span></div>' for kind, words, count in shown)
    bar, start = "", 0.0
    for kind, words, count in shown:
        width = 100 * count / totals.records if totals.records else 0
        bar += f'<rect class="{kind}" x="{start:.3f}" width="{width:.3f}" height="4"><title>{words}</title></rect>'
        start += width
    return (
        f"<section><h2>{_count(totals.records, 'record')} in the file</h2>"
        f'<svg class="fates" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">{bar}</svg>'
        f'<div class="tiles">{tiles}</div></section>'
    )


def _refusals(columns: Sequence[ColumnRefusals], further: int) -> str:
    if not columns:
        return ""
    rows = [
        [
            _text(column.column or "the whole row"),
            _text(column.error),
            _number(column.rows),
            _number(column.first_row),
            "" if column.example is None else f"<q>{_text(column.example)}</q>",
        ]
        for column in columns
    ]
    more = f"<p>{_count(further, 'more reason')} in other columns.</p>" if further else ""
    return _section(
        "Why rows were refused",
        "<p>A row may be refused for more than one reason. Correct them in the download of the refused rows and upload "
        "that.</p>" + _table(["Column", "Why", "#Rows", "#First row", "What stood there"], rows) + more,
    )


def _warnings(warnings: Sequence[CodeCount], *, checked: bool) -> str:
    unchecked = "" if checked else "<p>Business rules were not checked, as the upload asked.</p>"
    if not warnings:
        return _section("Warnings", unchecked) if unchecked else ""
    rows = [[_text(warning.problem), _number(warning.rows)] for warning in warnings]
    sentence = "<p>These rows went in all the same; have a look whether they are right.</p>"
    return _section("Warnings", unchecked + sentence + _table(["What was noticed", "#Rows"], rows))


def _time(time: TimeReport) -> str:
    if time.span is None:
        return ""
    first, last, counts = time.span.first, time.span.last, time.rows.counts
    period = _PERIOD_WORDS[time.rows.period]
    sentence = (
        f"<p>From <b>{first.at:%Y-%m-%d %H:%M:%S}</b> (row {first.row:,}) to <b>{last.at:%Y-%m-%d %H:%M:%S}</b> "
        f"(row {last.row:,}), in UTC; records on {_count(len(counts), period)} ({_text(time.time_zone)}).</p>"
    )
    largest, step = max(counts.values()), 1000 / len(counts)
    bars = "".join(
        f'<rect x="{position * step:.2f}" y="{_CHART_HEIGHT * (1 - rows / largest):.2f}" width="{step * 0.9:.2f}" '
        f'height="{_CHART_HEIGHT * rows / largest:.2f}"><title>{name}: {rows:,}</title></rect>'
        for position, (name, rows) in enumerate(counts.items())
    )
    names = [*counts]
    chart = (
        f'<svg class="days" viewBox="0 0 1000 {_CHART_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="Records by {period}">{bars}</svg>'
        f'<p class="axis"><span>{names[0]}</span><span>at most {largest:,} a {period}</span>'
        f"<span>{names[-1] if len(names) > 1 else ''}</span></p>"
    )
    return _section("When", sentence + chart)


def _names(title: str, names: NamesReport) -> str:
    if not names.names:
        return ""
    shown = names.names[:_NAMES_SHOWN]
    largest = shown[0].rows
    rows = [[_text(one.name), _number(one.rows), _bar(one.rows / largest)] for one in shown]
    rest = sum(one.rows for one in names.names[_NAMES_SHOWN:])
    more = len(names.names) - len(shown)
    told = f"<p>And {_count(more, 'other')} with {_count(rest, 'row')}.</p>" if more else ""
    if names.complete:
        return _section(f"{title}: {len(names.names):,}", _table(["Name", "#Rows", "|"], rows) + told)
    told += (
        f"<p>There are more than {len(names.names):,} different names, of which only the first in their order were "
        f"counted one by one; {_count(names.other_rows, 'row')} bear others. Is this the right column?</p>"
    )
    return _section(f"{title}: more than {len(names.names):,}", _table(["Name", "#Rows", "|"], rows) + told)


def _oee(oee: OeeReport) -> str:
    if not oee.stated:
        return ""
    if not oee.compared:
        told = "No row has availability, performance and quality beside its OEE, so there is nothing to compare with."
    elif not oee.differing:
        told = (
            f"In all {_count(oee.compared, 'row')} that can be compared, OEE is availability × performance × quality "
            f"(within {oee.tolerance:g})."
        )
    else:
        told = (
            f"In {_number(oee.differing)} of {_count(oee.compared, 'row')} the OEE in the file is not availability × "
            f"performance × quality, by more than {oee.tolerance:g}. The largest difference is "
            f"{_exact(oee.largest_difference or 0)}, in row {oee.largest_difference_row or 0:,}. The file's own OEE "
            "was kept."
        )
    return _section("OEE, recomputed", f"<p>{told}</p>")


def _fields(report: QualityReport) -> str:
    if not report.fields:
        return ""
    heads = ["Field", "#Missing", "|", "#Lowest", "#Median", "#Mean", "#Highest", "#Outliers"]
    absent = ", ".join(map(_label, report.absent_fields))
    told = f"<p>The file does not give: {absent}.</p>" if absent else ""
    return _section(
        "Columns",
        f"<p>Of the {_count(report.statistics_of.accepted, 'row')} that passed.</p>"
        + _table(heads, list(map(_field, report.fields)))
        + told,
    )


def _field(field: FieldReport) -> list[str]:
    named = (
        f" <small>{_text(field.column)}</small>" if field.column and field.column.lower() != field.field.lower() else ""
    )
    cells = [_label(field.field) + named, _share(field.missing_share), _bar(field.missing_share)]
    number = field.number
    if number is None:
        lengths = (field.shortest, field.longest)
        if None in lengths or field.shortest is None:
            return [*cells, "", "", "", "", ""]
        length = f"{field.shortest}" if field.shortest == field.longest else f"{field.shortest} to {field.longest}"
        return [*cells, f"<small>{length} characters</small>", "", "", "", ""]
    outliers = number.outliers
    return [
        *cells,
        _exact(number.lowest),
        _rounded(number.quartiles.median) if number.quartiles else "",
        _rounded(number.mean),
        _exact(number.highest),
        "" if outliers is None else ("about " if outliers.estimated else "") + _number(outliers.rows),
    ]


def _outliers(fields: Iterable[FieldReport]) -> str:
    rows = []
    for field in fields:
        outliers = field.number.outliers if field.number else None
        if outliers is None or not outliers.examples:
            continue
        examples = ", ".join(f"{_exact(one.value)} (row {one.row:,})" for one in outliers.examples)
        low = max(outliers.low, 0.0)
        rows.append([_label(field.field), f"{_rounded(low)} to {_rounded(outliers.high)}", examples])
    if not rows:
        return ""
    sentence = (
        "<p>Values far from the bulk of their column: beyond the quartiles by more than three times the distance "
        "between them. They may be right, or a slip of the keyboard.</p>"
    )
    return _section("Outliers", sentence + _table(["Field", "Usual", "Most extreme"], rows))


def _columns(report: QualityReport) -> str:
    if not report.unmapped_columns:
        return ""
    names = ", ".join(f"<q>{_text(name)}</q>" for name in report.unmapped_columns[:_COLUMNS_SHOWN])
    more = len(report.unmapped_columns) - _COLUMNS_SHOWN
    rest = f" and {more:,} more" if more > 0 else ""
    sentence = "These columns are no field of the record. They were kept with each row under their own names:"
    return _section("Other columns", f"<p>{sentence} {names}{rest}.</p>")


def _decisions(report: QualityReport) -> str:
    if not report.decisions:
        return ""
    rows = [[_text(one.subject), _text(one.choice), _text(one.evidence)] for one in report.decisions]
    return _section("How the file was read", _table(["What", "Decision", "Why"], rows))


def _footer(report: QualityReport) -> str:
    basis = report.statistics_of
    sampled = (
        f" Medians and outliers are of a sample of {_count(basis.sampled, 'row')}; the lowest and highest values, "
        "means and counts are of all."
        if basis.sampled < basis.accepted
        else ""
    )
    if not basis.records:
        return f"<footer><p>No record of the file was read. Upload {_text(report.upload_id)}.</p></footer>"
    return (
        f"<footer><p>The statistics are of the {_count(basis.records, 'record')} that were read, duplicates "
        f"included.{sampled} Upload {_text(report.upload_id)}.</p></footer>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; columns whose head begins with `#` hold numbers, and a `|` is a column of bars."""
    kinds = ["number" if head.startswith("#") else "bar" if head == "|" else "" for head in heads]

    def cells(tag: str, values: Sequence[str]) -> str:
        pairs = zip(kinds, values, strict=True)
        return "".join(
            f'<{tag} class="{kind}">{value}</{tag}>' if kind else f"<{tag}>{value}</{tag}>" for kind, value in pairs
        )

    head = cells("th", [head.strip("#|") for head in heads])
    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _bar(share: float) -> str:
    width = min(max(share, 0.0), 1.0) * 100
    return (
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="rail" width="100" height="8"/><rect width="{width:.2f}" height="8"/></svg>'
    )


def _label(field: str) -> str:
    """A field's API name in words."""
    words = " ".join(_WORD.findall(field)).lower()
    return escape(words[:1].upper() + words[1:]).replace("Oee", "OEE")


def _text(text: str) -> str:
    """Anything that people or files gave, as HTML that is just this text, whichever way it is written."""
    return f"<bdi>{_plain(text)}</bdi>"


def _plain(text: str) -> str:
    return escape("".join(one if one.isprintable() else " " if one.isspace() else "\ufffd" for one in text))


def _number(count: int) -> str:
    return f"{count:,}"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _exact(value: float) -> str:
    """A value of the file, with all its places."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _rounded(value: float) -> str:
    """A computed value, with four digits that tell something."""
    places = min(max(3 - math.floor(math.log10(value)), 0), 6) if value else 0
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def _share(share: float) -> str:
    if share in (0, 1):
        return "all" if share else "none"
    return f"{share:.1%}" if share >= _SMALL_SHARE else "&lt; 0.1%"
