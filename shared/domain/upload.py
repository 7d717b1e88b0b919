"""An upload (a file and its fate): its state, the moves that are allowed, and what is known of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class Value(BaseModel):
    """A frozen value that is written in camelCase outside (API, DynamoDB, S3) and snake_case inside."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, ser_json_timedelta="float"
    )


class UploadStatus(StrEnum):
    """What the API calls `status`."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


class UploadState(StrEnum):
    """Where an upload is. The API shows it as `status` and, while it is under way, `stage`.

    ```
    awaiting_upload → scanning → queued → planning → importing → finishing → completed | completed_with_errors
    any of the first six → failed
    planning → reviewing
    awaiting_upload | scanning | reviewing → cancelled
    queued | planning | importing | finishing → cancelling → cancelled
    completed | completed_with_errors | failed | cancelled → undoing → undone
    queued | planning | importing | finishing → queued, as the next attempt
    failed | cancelled | undone | reviewing → queued, as the next attempt, and only where a person asks for it
    ```
    """

    AWAITING_UPLOAD = "awaiting_upload"
    SCANNING = "scanning"
    QUEUED = "queued"
    PLANNING = "planning"
    REVIEWING = "reviewing"
    IMPORTING = "importing"
    FINISHING = "finishing"
    CANCELLING = "cancelling"
    UNDOING = "undoing"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"

    @property
    def status(self) -> UploadStatus:
        """The API's `status` for this state."""
        return _STATUS.get(self) or UploadStatus(self.value)

    @property
    def stage(self) -> str | None:
        """The API's `stage`; None once the upload has ended."""
        return None if self.ended else self.value

    @property
    def ended(self) -> bool:
        """True when nothing moves it any more, unless a person asks for it."""
        return self in _ENDS

    def may_move_to(self, other: UploadState) -> bool:
        """True when `ALLOWED_MOVES` has this move."""
        return other in ALLOWED_MOVES[self]


_STATUS = {
    UploadState.AWAITING_UPLOAD: UploadStatus.PENDING,
    UploadState.SCANNING: UploadStatus.PENDING,
    UploadState.QUEUED: UploadStatus.PENDING,
    UploadState.REVIEWING: UploadStatus.PENDING,
    UploadState.PLANNING: UploadStatus.PROCESSING,
    UploadState.IMPORTING: UploadStatus.PROCESSING,
    UploadState.FINISHING: UploadStatus.PROCESSING,
    UploadState.CANCELLING: UploadStatus.PROCESSING,
    UploadState.UNDOING: UploadStatus.PROCESSING,
}

_ENDS = frozenset(
    {
        UploadState.COMPLETED,
        UploadState.COMPLETED_WITH_ERRORS,
        UploadState.FAILED,
        UploadState.CANCELLED,
        UploadState.UNDONE,
    }
)
_BEFORE_THE_QUEUE = frozenset({UploadState.FAILED, UploadState.CANCELLED})
_IN_THE_QUEUE = frozenset({UploadState.FAILED, UploadState.CANCELLING})
_UNDO = frozenset({UploadState.UNDOING})

ALLOWED_MOVES: dict[UploadState, frozenset[UploadState]] = {
    UploadState.AWAITING_UPLOAD: frozenset({UploadState.SCANNING}) | _BEFORE_THE_QUEUE,
    UploadState.SCANNING: frozenset({UploadState.QUEUED}) | _BEFORE_THE_QUEUE,
    UploadState.QUEUED: frozenset({UploadState.PLANNING}) | _IN_THE_QUEUE,
    UploadState.PLANNING: frozenset({UploadState.IMPORTING, UploadState.REVIEWING}) | _IN_THE_QUEUE,
    UploadState.REVIEWING: frozenset({UploadState.CANCELLED}),
    UploadState.IMPORTING: frozenset({UploadState.FINISHING}) | _IN_THE_QUEUE,
    UploadState.FINISHING: frozenset({UploadState.COMPLETED, UploadState.COMPLETED_WITH_ERRORS}) | _IN_THE_QUEUE,
    UploadState.CANCELLING: frozenset({UploadState.CANCELLED}),
    UploadState.UNDOING: frozenset({UploadState.UNDONE}),
    UploadState.COMPLETED: _UNDO,
    UploadState.COMPLETED_WITH_ERRORS: _UNDO,
    UploadState.FAILED: _UNDO,
    UploadState.CANCELLED: _UNDO,
    UploadState.UNDONE: frozenset(),
}
"""Those that any event may make. The way back into the queue is none of them: a scan that ends late moves to `queued`
as well, and must not wake an upload that was cancelled meanwhile. It is `Uploads.restart`, from `RESTARTS`."""

RETRIED_FROM = frozenset({UploadState.FAILED, UploadState.CANCELLED, UploadState.UNDONE})
"""From where a person's retry leads back into the queue, as the next attempt."""

RESTARTS = RETRIED_FROM | {UploadState.REVIEWING}
"""From where a person's retry, or the confirming of a preview, does."""

RETRIED_WITHIN = timedelta(days=6)
"""After planning; later the list of the chunks, and those that were staged, may be gone. So may a preview."""

TRIED_AGAIN_FROM = frozenset({UploadState.QUEUED, UploadState.PLANNING, UploadState.IMPORTING, UploadState.FINISHING})
"""From where the next attempt is queued: a move that no late event can make, for it changes the attempt too."""


def states_before(state: UploadState, *, next_attempt: bool = False) -> frozenset[UploadState]:
    """The states from which a move to `state` is allowed, within an attempt or as the beginning of the next one."""
    if next_attempt:
        return TRIED_AGAIN_FROM if state is UploadState.QUEUED else frozenset()
    return frozenset(before for before, after in ALLOWED_MOVES.items() if state in after)


class Priority(StrEnum):
    """How urgent a job is to the person who sent it."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


ShortText = Annotated[str, Field(min_length=1, max_length=100)]


DecimalMark = Literal[".", ","]
DateOrder = Literal["YMD", "DMY", "MDY"]
RatioScale = Literal["fraction", "percent"]


def _plain_profile_name(name: str) -> str:
    if not name[0].isalnum() or not all(letter.isalnum() or letter in " ._-" for letter in name):
        raise ValueError("may hold letters, digits, spaces and . _ - and begins with a letter or a digit")
    return name


MOST_ERRORS = 1_000_000_000
"""That may be allowed: as many rows as no file has, in a number that every table can keep."""


class FileChoices(Value):
    """What can be chosen for the files of a source. What is None is decided from the file, or asked for."""

    identity: Literal["key", "occurrence"] | None = Field(
        default=None,
        description="What makes two rows the same: the record's key (where nothing is chosen), or all of their "
        "content, counted within the file.",
    )
    time_zone: str | None = Field(
        default=None, max_length=64, description="IANA zone of timestamps that carry none, such as `Europe/Berlin`."
    )
    defaults: dict[str, Annotated[str, Field(max_length=1000)]] = Field(
        default_factory=dict, description="Record fields that are the same for the whole file, by API name."
    )
    mapping: dict[Annotated[str, Field(min_length=1, max_length=1000)], str | None] = Field(
        default_factory=dict,
        description="Column header → record field by API name, or null to keep the column as an attribute.",
    )
    encoding: str | None = Field(default=None, max_length=40, description="Text encoding, such as `windows-1250`.")
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    decimal_mark: DecimalMark | None = None
    date_order: DateOrder | None = None
    ratio_scale: RatioScale | None = None
    sheet: str | None = Field(default=None, max_length=100, description="Worksheet that holds the records.")


ProfileName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_plain_profile_name)
]
"""Names are compared as they are given; one may stand in an address."""


class UploadOptions(FileChoices):
    """What the caller chose for an import. What is None is a profile's to say, or is decided from the file."""

    work_unit_id: ShortText
    import_type: Literal["csv", "json", "excel"]
    profile: ProfileName | None = Field(
        default=None, description="Read the file by this profile; without it by the one whose header the file has."
    )
    save_profile: ProfileName | None = Field(
        default=None, description="Save what was chosen and decided under this name once the file can be read."
    )
    deduplicate: bool = True
    validate_data: bool = Field(default=True, description="Without it the types are checked, but no business rules.")
    dry_run: bool = Field(
        default=False, description="Do all the work, write no record, and report what would have come of it."
    )
    on_error: Literal["skip", "abort"] = Field(
        default="skip", description="`abort`: one refused row, and nothing of the file stays."
    )
    max_errors: int | None = Field(
        default=None, ge=0, le=MOST_ERRORS, description="Stop where more rows than this are refused."
    )
    priority: Priority = Priority.NORMAL
    preview: bool = Field(
        default=False, description="Show how the file is read, and import it once a person has confirmed that."
    )


class SourceObject(Value):
    """The object that is scanned; every later read names this version. `size` is in bytes."""

    key: str
    version_id: str
    etag: str
    size: int


class Parts(Value):
    """How a large file is sent; `storage_id` is S3's name of the multipart upload."""

    storage_id: str
    part_bytes: int
    count: int


class Totals(Value):
    """Where each record of a file went. `records` is the number in the file."""

    records: int = 0
    imported: int = 0
    duplicates: int = 0
    refused: int = 0
    warnings: int = 0

    @property
    def processed(self) -> int:
        """Records with a fate."""
        return self.imported + self.duplicates + self.refused

    @property
    def unprocessed(self) -> int:
        """Records without a fate: none, unless the import was stopped."""
        return self.records - self.processed


class Decision(Value):
    """One thing that was decided about a file, and on what evidence."""

    subject: str
    choice: str
    evidence: str


class PlanSummary(Value):
    """What planning found, for people; the whole plan is in S3."""

    records: int
    chunks: int = Field(description="Those to load; all of the file's, unless `stopped`.")
    stopped: bool = Field(default=False, description="More rows than `max_errors` are refused behind these chunks.")
    header: list[str] = Field(description="The names of the file's columns, made unique.")
    columns: dict[str, str] = Field(description="Column name → record field, by API name.")
    unmapped_columns: list[str]
    decisions: list[Decision]


class Undone(Value):
    """What an undo took out of the table: `removed` rows, where the ledger had `recorded`.

    They differ when rows of the upload had been deleted by hand.
    """

    removed: int
    recorded: int


class Failure(Value):
    """Why an upload did not end well. `message` is for people; `support_id` finds the log line."""

    code: str
    message: str
    support_id: str


class MalwareScan(Value):
    """What looked for malware, and of when its definitions are; None where it does not say.

    A `managed` engine is somebody else's to keep up to date, who does not say of when its definitions are.
    """

    engine: str
    managed: bool = False
    definitions: str | None = None
    definitions_at: datetime | None = None


class Correction(Value):
    """An upload that brings refused rows of another one again, as that other one knows it."""

    upload_id: str
    created_at: datetime
    created_by: str


class Upload(Value):
    """A file and its fate, as stored. Times are in UTC."""

    tenant_id: str
    upload_id: str
    created_at: datetime
    created_by: str
    correlation_id: str
    request_digest: str = Field(description="What a repeated Idempotency-Key must match.")
    state: UploadState
    file_name: str = Field(description="As the person gave it; for display only.")
    file_size: int = Field(description="Bytes, as declared.")
    mime_type: str
    object_key: str
    options: UploadOptions
    corrects: str | None = Field(default=None, description="The upload whose refused rows it brings again.")
    corrections: list[Correction] = Field(default_factory=list, description="Those of its refused rows, oldest first.")
    attempt: int = Field(default=1, ge=1, description="Which time it is in the queue, counted from 1.")
    generation: int = Field(
        default=1, ge=1, description="Which time its rows go in from the first one on: one more than it was undone."
    )
    confirmation: str | None = Field(
        default=None, description="Digest of the request that confirmed the preview last; None before the first one."
    )
    parts: Parts | None = Field(default=None, description="Where the file is sent in parts.")
    source: SourceObject | None = None
    received_at: datetime | None = Field(default=None, description="When the scan first saw the file.")
    accepted_at: datetime | None = Field(default=None, description="When the scan let the source pass; None before.")
    malware_scan: MalwareScan | None = None
    plan: PlanSummary | None = None
    planned_at: datetime | None = None
    planned_in: int = Field(default=1, ge=1, description="The attempt that made the plan, under which the plan lies.")
    totals: Totals | None = None
    failure: Failure | None = None
    undone: Undone | None = None
    refused_rows_key: str | None = Field(default=None, description="Object key of the refused rows as CSV.")
    quality_report_key: str | None = Field(default=None, description="Object key of the quality report.")
    import_started_at: datetime | None = None
    ended_at: datetime | None = None
