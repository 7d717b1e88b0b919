"""The rows of JSON records: by the decoder, or by a template where they look alike."""

from __future__ import annotations

from shared.errors import UploadRejected
from shared.formats.json_template import RecordTemplate
from shared.formats.json_text import JsonText
from shared.formats.json_values import MAX_COLUMNS, Columns, JsonFault, JsonRow, Layout, cells_of, faulty

_BATCH_ROWS = 256
_TEMPLATE_COST = 1000
_PATIENCE = 20 * _TEMPLATE_COST
_RECENT = 4


class JsonRowReader:
    """Makes rows of records and numbers them.

    `columns` grows with the names that come; `records` counts the rows made. With `by_ordinal` the rows bear the
    record's ordinal, else its line. `gap` is the text that stood between the last two records, if that is known.
    `first_fault` is the refusal of the file for its first malformed record, where it has no other.
    """

    def __init__(self, text: JsonText) -> None:
        self._text = text
        self.columns = Columns()
        self.records = 0
        self.by_ordinal = False
        self.gap: str | None = None
        self.first_fault: UploadRejected | None = None
        self._recent: list[RecordTemplate] = []
        self._templates: dict[tuple[str, ...], RecordTemplate] = {}
        self._patience = _PATIENCE

    def row(self, value: object, raw: str, line: int) -> JsonRow:
        """The row of a decoded record, whose text is `raw` and starts on `line`.

        A fault makes it malformed; raises UploadRejected for more columns than any table has.
        """
        try:
            cells = cells_of(value, raw)
            layout = self.columns.layout(cells.names)
        except JsonFault as fault:
            return self.malformed(raw, line, fault)
        if cells.simple:
            self._learn(cells.names, layout, raw)
        self.records += 1
        number = self.records if self.by_ordinal else line
        return JsonRow(number, layout.place(cells.values), layout.columns_of(cells.numbers))

    def malformed(self, raw: str, line: int, fault: JsonFault) -> JsonRow:
        """The row of a record that cannot be read."""
        self.first_fault = self.first_fault or faulty(fault, line)
        self.records += 1
        return JsonRow(self.records if self.by_ordinal else line, [raw], malformed=fault.reason)

    def similar_rows(self) -> list[JsonRow]:
        """The rows of the records that come next and look like earlier ones, as far as `gap` parts them: maybe none."""
        rows: list[JsonRow] = []
        last: RecordTemplate | None = None
        while self._recent and len(rows) < _BATCH_ROWS:
            for template in self._recent:
                if template is last:
                    continue
                more = self._read(template)
                self._patience += len(more) - 1
                if more:
                    rows += more
                    break
            else:
                break
            last = template
            if template is not self._recent[0]:
                self._recent.remove(template)
                self._recent.insert(0, template)
        return rows

    def _read(self, template: RecordTemplate) -> list[JsonRow]:
        text = self._text
        if self.gap is None:
            return []
        row_number, step = (self.records + 1, 1) if self.by_ordinal else (text.line, None)
        rows, text.pos, lines = template.read(
            text.text, text.pos, gap=self.gap, row_number=row_number, step=step, at_most=_BATCH_ROWS
        )
        text.line += lines
        self.records += len(rows)
        return rows

    def _learn(self, names: tuple[str, ...], layout: Layout, raw: str) -> None:
        """Have a template for what comes: of the look of this record, which none of the recent ones read.

        Making one costs as much as reading a thousand records, and trying one in vain is not free: where records seldom
        look alike, patience ends and the decoder reads them all.
        """
        if self._patience <= 0:
            self._recent.clear()
            return
        known = self._templates.get(names)
        if known in self._recent and known.fits(raw):
            return  # Only the space behind the record was another, or the window ended there.
        if known is None or known in self._recent:
            if self._patience <= _TEMPLATE_COST:
                return
            self._patience -= _TEMPLATE_COST
            if len(self._templates) >= MAX_COLUMNS:
                self._templates.clear()
            try:
                template = self._templates[names] = RecordTemplate(raw, layout, known)
            except ValueError:
                return
        else:
            template = known
        self._recent = [template, *(other for other in self._recent if other is not known)][:_RECENT]
