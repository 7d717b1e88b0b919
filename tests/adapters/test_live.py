"""Following uploads live: tickets that work once, connections that end with their session, and who is told what."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.adapters.dynamodb_api_keys import DynamoApiKeys
from shared.adapters.dynamodb_live import DynamoLiveConnections, DynamoLiveTickets
from shared.adapters.dynamodb_rate_limits import DynamoRateLimiter
from shared.adapters.dynamodb_uploads import DynamoUploads, changed_uploads
from shared.adapters.s3_objects import S3Objects
from shared.domain.audit import AuditAct, AuditEvent
from shared.domain.identity import Identity, Role
from shared.domain.live import LONGEST_CONNECTION, SETTLING, TICKET_GOOD_FOR, Connection
from shared.domain.upload import Decision, PlanSummary, Totals, Upload, UploadState
from shared.errors import RequestRefused, TransientError
from shared.services.api_keys import create_key, revoke_key
from shared.services.live_connections import connect, invite
from shared.services.push_changes import MESSAGE_BYTES, Pushed, push_changes
from shared.services.read_status import show_status
from tests.adapters.conftest import NOW
from tests.contract.cloud import Cloud

ANNA = Identity(tenant_id="tenant-a", user_id="anna", role=Role.VIEWER, valid_until=NOW + timedelta(hours=1))
SECOND = timedelta(seconds=1)
ADDRESS = "wss://api.example/live"


@dataclass
class Sockets:
    """The port `Sockets` in memory: `gone` connections are not there, `silent` ones do not answer."""

    gone: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, connection_id: str, message: bytes) -> bool:
        """Keep what is sent."""
        self._reach(connection_id)
        assert len(message) <= MESSAGE_BYTES
        if connection_id in self.gone:
            return False
        self.sent.append((connection_id, json.loads(message)))
        return True

    def close(self, connection_id: str) -> None:
        """Keep that it was closed."""
        self._reach(connection_id)
        self.closed.append(connection_id)

    def _reach(self, connection_id: str) -> None:
        if connection_id in self.silent:
            raise TransientError("The connection could not be reached")

    @property
    def told(self) -> list[tuple[str, str]]:
        """Connections and the uploads that they were told of."""
        return [(connection_id, message["upload"]["uploadId"]) for connection_id, message in self.sent]


@pytest.fixture
def tickets(cloud: Cloud, table: Callable[..., str]) -> DynamoLiveTickets:
    """Tickets in a table of the test's own."""
    return DynamoLiveTickets(cloud.dynamodb, table=table("ticketDigest"))


@pytest.fixture
def connections(cloud: Cloud, table: Callable[..., str]) -> DynamoLiveConnections:
    """Connections in a table of the test's own."""
    return DynamoLiveConnections(cloud.dynamodb, table=table("connectionId", byTenant=("tenantId",)))


@pytest.fixture
def keys(cloud: Cloud, table: Callable[..., str]) -> DynamoApiKeys:
    """API keys in a table of the test's own."""
    name = table("keyId", byTenant=("tenantId", "createdAt"))
    return DynamoApiKeys(cloud.dynamodb, table=name, retention_days=90)


@pytest.fixture
def limiter(cloud: Cloud, table: Callable[..., str]) -> DynamoRateLimiter:
    """Counters in a table of the test's own."""
    return DynamoRateLimiter(cloud.dynamodb, table=table("limitKey"), clock=lambda: NOW)


@pytest.fixture
def ticket(tickets: DynamoLiveTickets, limiter: DynamoRateLimiter) -> Callable[..., str]:
    """Tickets, given now."""

    def give(identity: Identity = ANNA) -> str:
        invitation = invite(identity, address=ADDRESS, tickets=tickets, limiter=limiter, clock=lambda: NOW)
        assert invitation.expires_at == NOW + TICKET_GOOD_FOR
        address, _, text = invitation.url.partition("?ticket=")
        assert address == ADDRESS
        return text

    return give


@pytest.fixture
def bring(tickets: DynamoLiveTickets, connections: DynamoLiveConnections) -> Callable[..., bool]:
    """Brings a ticket after a while; whether that makes a connection."""

    def attempt(ticket: str, after: timedelta = SECOND) -> bool:
        try:
            connection_id = uuid.uuid4().hex
            connect(ticket, connection_id, tickets=tickets, connections=connections, clock=lambda: NOW + after)
        except RequestRefused as refusal:
            return refusal.code != "ticket_invalid"
        return True

    return attempt


# Tickets


def test_a_ticket_is_good_for_one_of_many(ticket: Callable[..., str], bring: Callable[..., bool]) -> None:
    """Who bring it at the same moment."""
    text = ticket()
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(bring, [text] * 20)).count(True) == 1


def test_a_ticket_is_good_for_a_minute(ticket: Callable[..., str], bring: Callable[..., bool]) -> None:
    """Whether or not DynamoDB has deleted it by then; one that nobody gave is never good."""
    assert bring(ticket(), after=59 * SECOND)
    assert not bring(ticket(), after=60 * SECOND)
    assert not bring("made up")
    assert not bring("")


def test_a_ticket_is_good_no_longer_than_its_session(ticket: Callable[..., str], bring: Callable[..., bool]) -> None:
    """Which may end within the minute."""
    ending = ANNA.model_copy(update={"valid_until": NOW + 10 * SECOND})
    assert bring(ticket(ending), after=9 * SECOND)
    assert not bring(ticket(ending), after=10 * SECOND)


def test_tickets_are_given_so_often_an_hour(ticket: Callable[..., str]) -> None:
    """To each user."""
    for _ in range(120):
        ticket()
    with pytest.raises(RequestRefused) as caught:
        ticket()
    assert (caught.value.status, caught.value.code) == (429, "rate_limited")
    assert ticket(ANNA.model_copy(update={"user_id": "ben"}))


def test_a_connection_is_whose_the_ticket_was(
    ticket: Callable[..., str], bring: Callable[..., bool], connections: DynamoLiveConnections
) -> None:
    """With the end of the session, and until API Gateway would end it where nothing else does."""
    lasting = ANNA.model_copy(update={"valid_until": None})
    assert bring(ticket(ANNA))
    assert bring(ticket(lasting))
    found = {connection.identity.valid_until: connection for connection in connections.all("tenant-a")}
    assert found[ANNA.valid_until].identity == ANNA
    assert found[ANNA.valid_until].ends_at == ANNA.valid_until
    assert found[None].ends_at == found[None].connected_at + LONGEST_CONNECTION
    assert connections.all("tenant-b") == []


# Changes


@dataclass
class Desk:
    """What pushes, and a way to have uploads and connections."""

    uploads: DynamoUploads
    objects: S3Objects
    connections: DynamoLiveConnections
    keys: DynamoApiKeys
    upload: Upload
    sockets: Sockets = field(default_factory=Sockets)

    def listening(self, connection_id: str, identity: Identity = ANNA, since: timedelta = timedelta(minutes=1)) -> None:
        """Have a connection."""
        self.connections.add(Connection(connection_id=connection_id, identity=identity, connected_at=NOW - since))

    def started(self, tenant: str = "tenant-a", **changes: Any) -> Upload:
        """Have an upload."""
        new = {"upload_id": str(uuid.uuid4()), "tenant_id": tenant, "state": UploadState.IMPORTING, **changes}
        upload = self.upload.model_copy(update=new)
        assert self.uploads.create(upload, AuditEvent(at=NOW, event=AuditAct.UPLOAD_REQUESTED, correlation_id="c"))
        return upload

    def push(self, *uploads: Upload, seconds: Iterable[float] = (), now: datetime = NOW) -> Pushed:
        """Push the changes of some uploads; `seconds` are what is left, each time that it is asked."""
        left = iter(seconds)
        return push_changes(
            {(upload.tenant_id, upload.upload_id) for upload in uploads},
            uploads=self.uploads,
            objects=self.objects,
            connections=self.connections,
            keys=self.keys,
            sockets=self.sockets,
            seconds_left=lambda: next(left, 20.0),
            clock=lambda: now,
        )

    def known(self, tenant: str = "tenant-a") -> set[str]:
        """The connections that are recorded."""
        return {connection.connection_id for connection in self.connections.all(tenant)}


@pytest.fixture
def desk(
    cloud: Cloud, uploads: DynamoUploads, connections: DynamoLiveConnections, keys: DynamoApiKeys, upload: Upload
) -> Desk:
    """All that pushes, and nobody who listens."""
    return Desk(uploads, S3Objects(cloud.s3, bucket=cloud.bucket()), connections, keys, upload)


def plan(decisions: int = 0) -> PlanSummary:
    made = [Decision(subject=f"s{n}", choice="ü" * 50, evidence="e") for n in range(decisions)]
    return PlanSummary(records=100, chunks=2, header=[], columns={}, unmapped_columns=[], decisions=made)


def test_each_connection_of_the_tenant_is_told_of_each_upload(desk: Desk) -> None:
    """And nobody else of anything."""
    one, two, other = desk.started(), desk.started(), desk.started("tenant-b")
    for connection_id in ("a1", "a2"):
        desk.listening(connection_id)
    desk.listening("b", ANNA.model_copy(update={"tenant_id": "tenant-b"}))
    assert desk.push(one, two, other).sent == 5
    expected = {(each, upload.upload_id) for each in ("a1", "a2") for upload in (one, two)} | {("b", other.upload_id)}
    assert set(desk.sockets.told) == expected


def test_what_is_told_is_what_the_status_route_answers(desk: Desk) -> None:
    """As it is when it is told: with the counts of chunks that came since."""
    upload = desk.started(plan=plan(), import_started_at=NOW - SECOND)
    desk.uploads.add_progress(upload, 0, Totals(records=50, imported=40, refused=10))
    desk.listening("a")
    desk.push(upload)
    [(_, message)] = desk.sockets.sent
    status = show_status(upload, uploads=desk.uploads, objects=desk.objects, now=NOW)
    assert message == {"type": "upload", **status}
    assert message["progress"]["processedRecords"] == 50
    assert "tenantId" not in message["upload"]


def test_an_upload_that_is_no_more_is_not_told(desk: Desk) -> None:
    """DynamoDB deletes them in the end, which is a change as well."""
    desk.listening("a")
    assert desk.push(desk.upload) == Pushed()


def test_where_nobody_listens_nothing_is_read(desk: Desk) -> None:
    """Most changes are nobody's who watches."""
    desk.listening("a")
    upload = desk.started("tenant-b")
    desk.uploads = None  # type: ignore[assignment]
    assert desk.push(upload) == Pushed()


def test_a_connection_that_is_gone_is_forgotten(desk: Desk) -> None:
    """But not one that is only being made."""
    desk.sockets.gone = {"gone", "new"}
    desk.listening("gone", since=SETTLING)
    desk.listening("new", since=SETTLING - SECOND)
    desk.listening("here")
    assert desk.push(desk.started()) == Pushed(sent=1, ended=1)
    assert desk.known() == {"new", "here"}


def test_an_ended_session_is_told_nothing_and_disconnected(desk: Desk) -> None:
    """From the second on in which it ends; so is a connection that is older than any can be."""
    desk.listening("ended", ANNA.model_copy(update={"valid_until": NOW}))
    desk.listening("old", since=LONGEST_CONNECTION)
    desk.listening("good", ANNA.model_copy(update={"valid_until": NOW + SECOND}))
    upload = desk.started()
    assert desk.push(upload) == Pushed(sent=1, ended=2)
    assert desk.sockets.told == [("good", upload.upload_id)]
    assert set(desk.sockets.closed) == {"ended", "old"}
    assert desk.known() == {"good"}


def test_a_revoked_key_is_told_nothing_and_disconnected(desk: Desk) -> None:
    """It opens nothing from then on, and keeps nothing open either."""
    admin = ANNA.model_copy(update={"role": Role.ADMIN})
    for name in ("good", "revoked"):
        key, _ = create_key(json.dumps({"name": name}), admin, keys=desk.keys, clock=lambda: NOW)
        desk.listening(name, key.identity)
        if name == "revoked":
            revoke_key(key.key_id, admin, keys=desk.keys, clock=lambda: NOW)
    assert desk.push(desk.started()) == Pushed(sent=1, ended=1)
    assert (desk.sockets.closed, desk.known()) == (["revoked"], {"good"})


def test_who_cannot_be_reached_holds_nobody_up(desk: Desk) -> None:
    """The others are told, and it is told the next time; one whose session has ended is tried to be ended again."""
    desk.sockets.silent = {"silent", "ended"}
    desk.listening("silent")
    desk.listening("here")
    desk.listening("ended", ANNA.model_copy(update={"valid_until": NOW}))
    upload = desk.started()
    assert desk.push(upload).failed == 1
    assert desk.sockets.told == [("here", upload.upload_id)]
    assert desk.known() == {"silent", "here", "ended"}


def test_when_the_time_is_up_it_ends(desk: Desk) -> None:
    """So that a stream with many connections behind it does not stand still."""
    for n in range(5):
        desk.listening(f"c{n}")
    assert desk.push(desk.started(), seconds=[10, 5, 0, -1, -2]) == Pushed(sent=2, failed=3)


def test_what_is_too_long_is_told_without_its_long_parts(desk: Desk) -> None:
    """The shape stays, and says that something is missing."""
    upload = desk.started(plan=plan(decisions=1500))
    desk.listening("a")
    desk.push(upload)
    [(_, message)] = desk.sockets.sent
    whole = show_status(upload, uploads=desk.uploads, objects=desk.objects, now=NOW)
    assert message["upload"].keys() - whole["upload"].keys() == {"truncated"}
    assert whole["upload"].keys() <= message["upload"].keys()
    assert (message["upload"]["decisions"], message["upload"]["status"]) == ([], "processing")
    assert message["progress"] == whole["progress"]


def test_the_stream_tells_which_uploads_have_changed() -> None:
    """By themselves or by their counters, also those of a later generation; each once."""
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    sort_keys = [one, f"progress#{one}", f"progress#{two}#3", f"other#{one}", f"{two}x", "x"]
    records = [{"dynamodb": {"Keys": {"tenantId": {"S": "t"}, "uploadId": {"S": key}}}} for key in sort_keys]
    assert changed_uploads({"Records": records}) == {("t", one), ("t", two)}
