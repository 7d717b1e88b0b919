"""The plan of an import: how to read the file, and the chunks it is loaded in."""

from __future__ import annotations

from pydantic import Field

from shared.domain.number_style import NumberStyle
from shared.domain.upload import DateOrder, RatioScale, SourceObject, UploadOptions, Value


class Dialect(Value):
    """How a delimited text file is written."""

    encoding: str
    delimiter: str


class Chunk(Value):
    """A run of whole records: bytes `[start, end)` of the source, or a staged part.

    `first_line` is the physical line, counted from 1, on which the first record starts; in a staged part each record
    has its own in front.
    """

    index: int
    start: int
    end: int
    first_line: int
    records: int
    part: str | None = Field(default=None, description="Object key of the staged part.")


FEW_CHUNKS = 40
"""So many at most are handed out within the state machine's execution. With every retry that there is each takes 90
events of the 25,000 that its history may have, and 200 bytes of the 256 KB that its state may have."""


class ImportPlan(Value):
    """Everything a chunk is loaded by, so that every chunk of an upload is read alike."""

    tenant_id: str
    upload_id: str
    source: SourceObject
    options: UploadOptions
    dialect: Dialect
    staged: bool = Field(description="The chunks are parts that were staged, with the row of the source in front.")
    header: list[str] = Field(description="The header cells as they stand in the file.")
    fewest_cells: int = Field(description="A row with fewer cells has lost some, and nobody knows which.")
    trailing_delimiter: bool = Field(description="Every row ends with a delimiter.")
    columns: list[str | None] = Field(description="For each file column the record field, in snake_case, or None.")
    attribute_names: dict[int, str] = Field(description="Column position → name in the record's attributes.")
    guarded: bool = Field(description="The file is a download of ours, with apostrophes before formulas.")
    number_style: dict[str, NumberStyle] = Field(description="By record field; a decimal point where there is none.")
    date_order: DateOrder | None
    ratio_scale: dict[str, RatioScale]
    records: int
    chunks: int
