"""The report's page shows what the report says, and runs nothing that a file or a person put there."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

from shared.columnar.quality import quality_of
from shared.domain.quality_report import report_of
from shared.domain.upload import Failure, PlanSummary, Totals, UploadOptions, UploadState
from shared.services.report_page import report_page
from shared.services.report_style import CONTENT_SECURITY_POLICY
from tests.unit.test_quality import START, known_quality, plan_of, read_of, refused_row, upload_of

HOSTILE = "</style></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\x00"
_VOID = {"meta"}


class Page(HTMLParser):
    """The elements, attributes and text of a page, as a browser has them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """An end belongs to the last start."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.words)


def hostile_page(**options: Any) -> Page:
    row = (2, START, HOSTILE, HOSTILE[:100], HOSTILE, 1.0, 1.0, 0.9, 0.9, 0.9, 0.5)
    refused = [refused_row(3, (HOSTILE, HOSTILE, HOSTILE))]
    quality = quality_of([read_of([row], refused, **{HOSTILE: 1})], plan_of(2))
    plan = PlanSummary(
        records=2,
        chunks=1,
        header=[HOSTILE],
        columns={HOSTILE: "goodParts"},
        unmapped_columns=[HOSTILE],
        decisions=[{"subject": HOSTILE, "choice": HOSTILE, "evidence": HOSTILE}],
    )
    upload = upload_of(
        upload_id=HOSTILE,
        file_name=HOSTILE,
        options=UploadOptions(work_unit_id=HOSTILE[:100], import_type="csv", time_zone="UTC", **options),
        state=UploadState.FAILED,
        failure=Failure(code=HOSTILE, message=HOSTILE, support_id=HOSTILE),
        plan=plan,
        totals=Totals(records=2, imported=1, refused=1),
    )
    return Page(report_page(report_of(upload, quality)))


def test_hostile_texts_are_only_texts() -> None:
    """Names of files, columns, machines and all else: no element, no attribute and no script comes of them."""
    page = hostile_page()
    harmless = Page(report_page(report_of(upload_of(), known_quality())))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in harmless.elements} | {"code"}
    attributes = {name for _, given in page.elements for name in given}
    assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "href")]
    assert page.text.count("<script>alert(1)</script>") > 10
    assert "\u202e" not in page.text
    assert "\x00" not in page.text
    assert page.open == []


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    """Its digest is that of the page's only style; a browser obeys it also where the page was saved."""
    html = report_page(report_of(upload_of(), known_quality()))
    [style] = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert CONTENT_SECURITY_POLICY.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    [policy] = [given for tag, given in Page(html).elements if tag == "meta" and "http-equiv" in given]
    assert policy["content"] == CONTENT_SECURITY_POLICY


def test_the_page_says_what_the_report_says() -> None:
    """In words: totals, reasons, outliers with their rows, OEE, columns and decisions."""
    text = re.sub(r"\s+", " ", Page(report_page(report_of(upload_of(), known_quality()))).text)
    for told in (
        "42 records in the file",
        "number_unreadable is wrong",
        "ca. 5",
        "9,700 (row 41)",
        "In 1 of 39 rows the OEE in the file is not availability × performance × quality",
        "The largest difference is 0.229, in row 8.",
        "Machines: 2",
        "These columns are no field of the record",
        "Note",
        "encoding",
        "duplicates included",
    ):
        assert told in text


def test_a_page_of_a_failure_tells_it() -> None:
    """And does not break for want of numbers."""
    failure = Failure(code="json_truncated", message="The file ends in the middle.", support_id="s1")
    upload = upload_of(state=UploadState.FAILED, failure=failure, plan=None, totals=Totals())
    text = Page(report_page(report_of(upload, quality_of([], plan_of(1))))).text
    assert "The file ends in the middle. s1" in text
    assert "No record of the file was read." in text
