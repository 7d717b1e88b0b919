"""The plan of an import: how to read the file, and the chunks it is loaded in."""

from __future__ import annotations

from pydantic import Field

from shared.domain.upload import RatioScale, SourceObject, UploadOptions, Value


class Dialect(Value):
    """How a delimited text file is written."""

    encoding: str
    delimiter: str


class Chunk(Value):
    """A run of whole records: bytes `[start, end)` of the source.

    `first_line` is the physical line, counted from 1, on which the first record starts.
    """

    index: int
    start: int
    end: int
    first_line: int
    records: int


class ImportPlan(Value):
    """Everything a chunk is loaded by, so that every chunk of an upload is read alike."""

    tenant_id: str
    upload_id: str
    source: SourceObject
    options: UploadOptions
    dialect: Dialect
    header: list[str] = Field(description="The header cells as they stand in the file.")
    fewest_cells: int = Field(description="A row with fewer cells has lost some, and nobody knows which.")
    most_cells: int = Field(description="A row with more cells holds a delimiter that should be quoted.")
    columns: list[str | None] = Field(description="For each file column the record field, in snake_case, or None.")
    attribute_names: dict[int, str] = Field(description="Column position → name in the record's attributes.")
    guarded: bool = Field(description="The file is a download of ours, with apostrophes before formulas.")
    ratio_scale: dict[str, RatioScale]
    records: int
    chunks: int
