"""What the use cases need of the outside: one small Protocol for each thing, with the calls that are used.

Every call may raise TransientError; what else it raises is said there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, Literal, Protocol, TypeVar

from shared.domain.api_key import ApiKey
from shared.domain.audit import AuditEvent
from shared.domain.fair_queue import Round
from shared.domain.history import ALL_UPLOADS, UploadFilter
from shared.domain.identity import Identity
from shared.domain.job import Job
from shared.domain.live import Connection
from shared.domain.profile import Profile
from shared.domain.upload import SourceObject, Totals, Undone, Upload, UploadState
from shared.domain.verdict import ObjectVerdict, Verdict

if TYPE_CHECKING:
    import polars as pl  # slow to import, and most functions never load a row

Clock = Callable[[], datetime]
"""The present, in UTC."""

SecondsLeft = Callable[[], float]
"""How long the work under way may still take; it must have stopped by itself when nothing is left."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a listing; `cursor` asks for the next one and is None on the last."""

    items: list[Item]
    cursor: str | None


class Uploads(Protocol):
    """The uploads and their state. An upload of another tenant is not found."""

    def create(self, upload: Upload, event: AuditEvent) -> bool:
        """Store a new upload and its first audit event together; False when the id is taken already."""

    def create_correction(self, upload: Upload, event: AuditEvent, corrected: Upload, noted: AuditEvent) -> bool:
        """Store a new upload and its first audit event, and note it, with an event, at the one that it corrects.

        All together or nothing; False when its id is taken already. Raises StateConflict when the corrected upload is
        no longer as it is given, or has enough corrections.
        """

    def get(self, tenant_id: str, upload_id: str) -> Upload | None:
        """The upload as it is now; None when the tenant has none of this id."""

    def several(self, tenant_id: str, upload_ids: Sequence[str]) -> list[Upload]:
        """Up to a hundred of the tenant's uploads as they are now, in this order; those that are gone left out."""

    def move(self, upload: Upload, to: UploadState, event: AuditEvent, **changes: object) -> Upload:
        """Move an upload to a state, change fields, and add the audit event: all together or nothing.

        A repeated move changes nothing and returns the upload as it is. Raises StateConflict when the
        present state does not allow the move, and when another attempt than the upload's has begun since. A change
        of `attempt` makes it the beginning of the next one.
        """

    def restart(self, upload: Upload, event: AuditEvent, **changes: object) -> Upload:
        """Put an upload that is in one of `RESTARTS` back into the queue's state, as the next attempt, with the event.

        What is known of the attempt that ended is cleared, fields are changed; the plan stays. Raises StateConflict,
        and nothing changes, unless the upload is still as it is given.
        """

    def history(
        self, tenant_id: str, limit: int, cursor: str | None, wanted: UploadFilter = ALL_UPLOADS
    ) -> Page[Upload]:
        """A page of the tenant's uploads that are wanted, newest first.

        So many uploads at most are looked at that a page may be short, or empty, and yet have a cursor. Raises
        RequestRefused 422 for a cursor that no page of these gave.
        """

    def unmoved(self, state: UploadState, since: datetime, limit: int) -> list[Upload]:
        """The uploads of all tenants that are in this state, not an end, since then or longer; the longest first."""

    def add_progress(self, upload: Upload, chunk_index: int, totals: Totals) -> None:
        """Count a chunk's records, once: a chunk that was counted before changes nothing."""

    def progress(self, upload: Upload) -> Totals:
        """What has been counted so far; `records` as `add_progress` gave them."""

    def note_fault(self, upload: Upload, fault: str) -> None:
        """Remember the class of the error that a chunk's load ended with, in place of the last one."""

    def last_fault(self, upload: Upload) -> str | None:
        """The one that was noted last."""


class Scanner(Protocol):
    """Looks for malware."""

    def scan(self, source: SourceObject) -> Verdict | None:
        """What it says of the pinned version, or None where it has not said it yet; it will then be asked again.

        That the file is one that it cannot look at is a verdict; raises TransientError where it cannot look now.
        """


class Verdicts(Protocol):
    """What a scanner that answers later has said."""

    def keep(self, result: ObjectVerdict, now: datetime) -> None:
        """Keep a verdict. The first of a version stands, but for a threat, which stands from whenever it is found."""


class ScanStep(Protocol):
    """The scan of an uploaded object, for whatever else than S3's event asks for it: a verdict, or the sweep."""

    def take(self, key: str, version_id: str | None) -> None:
        """Have it done, some time soon, at least once."""


class Profiles(Protocol):
    """The tenants' profiles by name. A profile of another tenant is not found."""

    def get(self, tenant_id: str, name: str) -> Profile | None:
        """The profile as it is now; None when the tenant has none of this name."""

    def all(self, tenant_id: str) -> list[Profile]:
        """The tenant's profiles, by name."""

    def count(self, tenant_id: str) -> int:
        """How many profiles the tenant has."""

    def put(self, tenant_id: str, profile: Profile, *, replacing: str | None) -> bool:
        """Store a profile in the place of the revision `replacing`, or where there is none (None).

        False, and nothing is changed, when the present one is another.
        """

    def delete(self, tenant_id: str, name: str, *, revision: str) -> bool:
        """Delete this revision of a profile; harmless when there is none any more.

        False, and nothing is changed, when the present one has another revision.
        """


class ApiKeys(Protocol):
    """The tenants' API keys."""

    def add(self, key: ApiKey) -> None:
        """Store a new key."""

    def get(self, key_id: str) -> ApiKey | None:
        """The key as it is now, whosever it is; None when there is none."""

    def all(self, tenant_id: str) -> list[ApiKey]:
        """The tenant's keys, the oldest first."""

    def revoke(self, tenant_id: str, key_id: str, now: datetime) -> bool:
        """End a key of the tenant, once; False when it has none of this id."""


class LiveTickets(Protocol):
    """What opens a connection."""

    def add(self, digest: str, identity: Identity, good_until: datetime) -> None:
        """Keep a new ticket's digest, and whom it was given to."""

    def take(self, digest: str, now: datetime) -> Identity | None:
        """Whom it was given to, once; None for a ticket that was never given, was taken before, or is too old."""


class LiveConnections(Protocol):
    """Who is connected."""

    def add(self, connection: Connection) -> None:
        """Record a connection."""

    def all(self, tenant_id: str) -> list[Connection]:
        """The tenant's connections, also some that have ended."""

    def remove(self, connection_id: str) -> None:
        """Forget a connection; harmless when repeated."""


class Sockets(Protocol):
    """The connections themselves."""

    def send(self, connection_id: str, message: bytes) -> bool:
        """Send a message of up to 128 KB; False when there is no such connection any more, or not yet."""

    def close(self, connection_id: str) -> None:
        """End a connection; harmless when repeated."""


class AuditLog(Protocol):
    """Events that go with no move of state, and the reading of all."""

    def add(self, tenant_id: str, upload_id: str, event: AuditEvent) -> None:
        """Append an event."""

    def events(self, tenant_id: str, upload_id: str, limit: int, cursor: str | None) -> Page[AuditEvent]:
        """An upload's events, oldest first."""


class Claim(Enum):
    """What came of asking for a slot."""

    CLAIMED = "the job has a slot"
    TAKEN = "this attempt of the job is no longer waiting"
    OVERTAKEN = "another job took a slot since the slots were looked at"


@dataclass(frozen=True, slots=True)
class Slots:
    """The slots as they were at one moment; `turn` counts the jobs that ever took one."""

    held: int
    round: Round
    turn: int


class JobPlace(Enum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DELAYED = "delayed"
    DEAD = "dead"
    ENDED = "ended"


class JobQueue(Protocol):
    """The jobs that wait, and the slots of those that run."""

    def enqueue(self, job: Job) -> None:
        """Put a job in the queue, as the first attempt of those that a person asked for.

        One that is in the queue or runs is left alone, and so is one that ended or is dead, unless this is a later
        attempt.
        """

    def get(self, job_id: str) -> tuple[Job, JobPlace] | None:
        """A job and where it is now; None when there was never one of this id."""

    def waiting(self) -> list[Job]:
        """All that wait, a tenant's most urgent first."""

    def running(self) -> list[Job]:
        """The jobs that hold a slot."""

    def tenants(self) -> dict[str, datetime]:
        """The tenants that may have waiting jobs, each that has and some that no longer do, and when its last came."""

    def add_tenant(self, tenant_id: str) -> None:
        """Have a tenant among `tenants`."""

    def forget_tenant(self, tenant_id: str, last_job_at: datetime) -> None:
        """Have it no more among them, unless another job of it has come since."""

    def heads(self, tenant_ids: Iterable[str], limit: int) -> list[Job]:
        """The `limit` most urgent of the waiting jobs of each of these tenants."""

    def slots(self) -> Slots:
        """The slots as they are now."""

    def claim(self, job: Job, seen: Slots) -> Claim:
        """Take a slot for a waiting job, in one step, if the slots are still as they were `seen`, or freer."""

    def release(self, job_id: str, attempt: int) -> None:
        """End a job at this attempt, wherever it is, and free its slot; harmless when repeated."""

    def delay(self, job: Job, due: datetime, error: str) -> None:
        """Free the slot of a running attempt, and let the next one wait until it is `due`; harmless when repeated."""

    def delayed(self, until: datetime) -> list[Job]:
        """The jobs that were due by then."""

    def wake(self, job: Job) -> None:
        """Put a delayed job among those that wait; harmless when repeated."""

    def bury(self, job_id: str, attempt: int, error: str, at: datetime) -> None:
        """Free a job's slot and keep it among the dead ones for people to look at; harmless when repeated."""

    def dead(self) -> list[Job]:
        """The jobs that nobody has retried or ended since they died, up to a thousand."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a rate limiter answers. `resets_in` is in seconds."""

    admitted: bool
    limit: int
    remaining: int
    resets_in: int


class RateLimiter(Protocol):
    """Counts what a caller does."""

    def take(self, key: str, limit: int, window_seconds: int) -> Allowance:
        """Count one more under `key` if fewer than `limit` were counted in the present window."""


@dataclass(frozen=True, slots=True)
class SignedPost:
    """A presigned POST: the form's address and the fields to send before the file."""

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that has come. `size` is in bytes."""

    number: int
    size: int
    etag: str


class Objects(Protocol):
    """The bucket."""

    def sign_upload(self, key: str, *, content_type: str, size: int, sha256: str | None, seconds: int) -> SignedPost:
        """Let a browser write exactly this key, type and number of bytes, for so long.

        `sha256` in Base64, where it is known, is that of the only bytes that are taken.
        """

    def begin_parts(self, key: str, *, content_type: str) -> str:
        """Let an object be sent in parts; what the storage calls that."""

    def sign_part(self, key: str, storage_id: str, number: int, *, size: int, seconds: int) -> str:
        """A URL that takes exactly so many bytes as this part, for so long."""

    def stored_parts(self, key: str, storage_id: str) -> list[StoredPart] | None:
        """The parts that have come; None once they were put together or forgotten."""

    def join_parts(self, key: str, storage_id: str, parts: list[StoredPart]) -> None:
        """Make the object of its parts; harmless when repeated."""

    def sign_download(self, key: str, *, file_name: str, seconds: int) -> str:
        """A URL that downloads the object under a file name, for so long."""

    def describe(self, key: str, version_id: str | None) -> SourceObject | None:
        """The object's version (the newest when None is given); None when there is none."""

    def open_range(self, source: SourceObject, start: int, end: int) -> AbstractContextManager[BinaryIO]:
        """Stream the bytes `[start, end)` of the pinned version."""

    def copy(self, source: SourceObject, key: str) -> None:
        """Copy the pinned version to another key."""

    def delete(self, source: SourceObject) -> None:
        """Delete the pinned version for good; harmless when repeated."""

    def read(self, key: str) -> bytes:
        """The object's bytes; for small objects of ours."""

    def write(self, key: str, data: bytes, content_type: str) -> None:
        """Write or overwrite a small object."""

    def open_write(self, key: str, content_type: str) -> AbstractContextManager[BinaryIO]:
        """Write an object as a stream; it appears when the block ends, and not if it ends by an exception."""

    def open_read(self, key: str, start: int = 0) -> AbstractContextManager[BinaryIO]:
        """Stream an object of ours from byte `start`."""

    def keys(self, prefix: str, *, start_after: str = "") -> Iterator[str]:
        """The keys under a prefix in order, from behind `start_after`."""


class Step(Protocol):
    """A function that ends something with an upload, where no execution leads to it."""

    def take(self, payload: dict[str, Any]) -> None:
        """Have it done, some time soon, at least once."""


class ExecutionState(Enum):
    """What Step Functions knows of an execution."""

    RUNNING = "running"
    ENDED = "ended"
    ABSENT = "absent"


class Executions(Protocol):
    """The state machine."""

    def start(self, name: str, payload: dict[str, Any]) -> None:
        """Start the execution of this name; nothing happens when there was one before."""

    def state(self, name: str) -> ExecutionState:
        """Whether the execution of this name runs."""


@dataclass(frozen=True, slots=True)
class ChunkCount:
    """What reading found in a chunk; `warned` are the accepted rows with a warning."""

    accepted: int
    refused: int
    warned: int
    span: tuple[datetime, datetime] | None = None
    """The first and the last timestamp of the accepted rows; None where nobody looked."""


class ChunkRows(Protocol):
    """The accepted rows of a chunk, made while they are taken."""

    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows as `columnar.reader.ReadRows.texts` has them; may be asked for again."""

    def seal(self) -> ChunkCount:
        """Once all batches were taken: keep what goes with the rows, and say what there was.

        Raises UploadRejected when the rows must not go in.
        """


@dataclass(frozen=True, slots=True)
class ChunkLoad:
    """A chunk on its way into Postgres; which of its rows are duplicates only Postgres knows."""

    tenant_id: str
    work_unit_id: str
    upload_id: str
    chunk_index: int
    correlation_id: str
    rows: ChunkRows
    seconds_left: SecondsLeft
    deduplicate: bool
    identity: Literal["key", "occurrence"] = "key"
    dry_run: bool = False
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class LedgerSum:
    """The sum of an upload's ledger rows. `totals.records` are the records of those chunks."""

    chunks: int
    totals: Totals


class Records(Protocol):
    """The records in Postgres, and the ledger of what was loaded."""

    def load(self, load: ChunkLoad) -> Totals:
        """Put a chunk's rows and its ledger row in, in one transaction.

        A chunk that is in already changes nothing and gives the totals of its first time. Raises StateConflict
        for an upload that was closed up to this attempt, and TransientError, with nothing in, when its seconds are
        over.
        """

    def loaded(self, tenant_id: str, upload_id: str, chunk_index: int) -> Totals | None:
        """The ledger's totals of a chunk; None when it is not in."""

    def ledger(self, tenant_id: str, upload_id: str) -> LedgerSum:
        """What the ledger says of an upload."""

    def close(self, tenant_id: str, upload_id: str, attempt: int) -> LedgerSum:
        """Let no further chunk in by this attempt or an earlier one, once the loads under way have ended.

        Returns what the ledger says then.
        """

    def forget(self, tenant_id: str, upload_id: str) -> None:
        """Forget what had to be remembered for further chunks of an upload; harmless when repeated."""

    def remove(self, tenant_id: str, upload_id: str, *, work_unit_id: str, attempt: int) -> Undone:
        """Take every row of an upload that was closed out of the table, and then its ledger.

        In batches, each in a transaction that also counts it: what dies half way goes on where it was, and what is
        repeated, also late and at the same time, removes nothing more and gives the same answer. `attempt` is the one
        that is undone.
        """
