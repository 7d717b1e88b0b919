"""Survey a JSON file: its records are staged, for it cannot be cut by byte range."""

from __future__ import annotations

from collections.abc import Iterator

from shared.columnar.evidence import CellStyles, TextNumbers
from shared.domain import object_keys
from shared.domain.upload import SourceObject, Upload
from shared.formats.compression import is_gzip
from shared.formats.json_columns import typed_rows
from shared.formats.json_records import JsonRecords, read_json_records
from shared.formats.tables import Shape, TextTable
from shared.formats.text_lines import HEAD_BYTES
from shared.services.choices import Choices
from shared.services.ports import Objects
from shared.services.staging import STAGED_DIALECT, stage_tables
from shared.services.tally import Survey, Tally, columns_of, open_source
from shared.services.typed_tables import text_table


def survey_json(upload: Upload, choices: Choices, source: SourceObject, objects: Objects, chunk_bytes: int) -> Survey:
    """Read the file once; a second time where texts in a column of numbers prove a decimal comma.

    Then the column's numbers are staged with a comma, as the texts beside them have it.
    """
    with objects.open_range(source, 0, min(source.size, HEAD_BYTES)) as stream:
        packed = is_gzip(stream.read())
    commas: frozenset[int] = frozenset()
    while True:
        texts = TextNumbers(choices.fields_of)
        with open_source(source, objects, packed=packed) as stream:
            records = read_json_records(stream)
            prefix = object_keys.parts_prefix(upload.tenant_id, upload.upload_id, upload.attempt)
            tables = _tables(records, texts, commas)
            chunks = list(stage_tables(tables, objects, prefix=prefix, part_bytes=chunk_bytes))
        header = list(records.columns)
        shape = Shape(columns=len(header), fewest=1, numbered=True)
        chosen = choices.complete(header)
        tally = Tally(STAGED_DIALECT, shape, columns_of(header, chosen, choices), texts.by_position)
        for chunk in chunks:
            with objects.open_read(str(chunk.part)) as stream:
                tally.see(stream.read(), chunk.first_line)
        styles = tally.evidence.decide(chosen.options, chosen.profile)
        wanted = frozenset(styles.comma_columns if isinstance(styles, CellStyles) else ())
        if wanted <= commas:
            return Survey(
                header=header,
                mapping=tally.mapping,
                dialect=STAGED_DIALECT,
                shape=tally.shape,
                evidence=tally.evidence,
                chunks=chunks,
                decisions=records.decisions,
                chosen=chosen,
            )
        commas = wanted


def _tables(records: JsonRecords, texts: TextNumbers, commas: frozenset[int]) -> Iterator[TextTable]:
    """The records as texts, their numbers as they are spelled, but for the columns in `commas`."""
    for rows in typed_rows(records):
        texts.watch(records.columns)
        yield text_table(rows, len(records.columns), texts, commas)
