"""The client speaks to the API and to S3 as a browser does, and says plainly what went wrong."""

from __future__ import annotations

import json
import re
import threading
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.client import IMPORTS_PATH, PROFILES_PATH, ApiError, LinefeedClient, StorageError, Unreachable, WaitTimeout

STORAGE_ERROR = "<Error><Code>EntityTooLarge</Code><Message>Too many bytes</Message><RequestId>1</RequestId></Error>"


@dataclass
class Answer:
    """What the peer says next; `document` is JSON or text."""

    document: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Peer:
    """An HTTP server that gives prepared answers, the last one for ever, and keeps what it was asked.

    Of a body it keeps the first and the last kilobyte and the length.
    """

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    head: bytes = b""
    tail: bytes = b""
    length: int = 0

    def take(self, handler: BaseHTTPRequestHandler) -> Answer:
        """Note a request and give the answer."""
        self.requests.append((handler.command, handler.path))
        self.headers.append({name.lower(): value for name, value in handler.headers.items()})
        self.head, self.tail, left = b"", b"", int(handler.headers.get("content-length", 0))
        self.length = left
        while left:
            part = handler.rfile.read(min(left, 65536))
            left -= len(part)
            self.head = (self.head + part)[:1024]
            self.tail = (self.tail + part)[-1024:]
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def peer() -> Iterator[Peer]:
    """The API and the storage in one."""
    told = Peer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            answer = told.take(self)
            text = answer.document if isinstance(answer.document, str) else json.dumps(answer.document)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(peer: Peer) -> Iterator[LinefeedClient]:
    """A session with the peer."""
    with LinefeedClient(peer.url, "the-token") as session:
        yield session


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small CSV file."""
    path = tmp_path / "Schichtbuch März.csv"
    path.write_bytes(b"a,b\n1,2\n")
    return path


def status_of(status: str) -> Answer:
    return Answer({"upload": {"uploadId": "u1", "status": status}, "progress": {}})


def form(peer: Peer) -> dict[str, Any]:
    return {"upload": {"method": "POST", "url": f"{peer.url}/bucket", "fields": {"key": "incoming/x", "policy": "p"}}}


def test_an_upload_is_announced_with_what_the_caller_chose(peer: Peer, client: LinefeedClient, file: Path) -> None:
    """The body has the API's names, the bearer token goes along, and no choice of the caller is lost."""
    peer.answers = [Answer({"uploadId": "u1"}, 201)]
    client.start_upload(
        file,
        work_unit_id="line 3",
        deduplicate=False,
        time_zone="Europe/Berlin",
        defaults={"siteName": "Köln"},
        idempotency_key="k1",
    )
    assert peer.requests == [("POST", IMPORTS_PATH)]
    assert peer.headers[0]["authorization"] == "Bearer the-token"
    assert peer.headers[0]["idempotency-key"] == "k1"
    assert json.loads(peer.head) == {
        "fileName": "Schichtbuch März.csv",
        "fileSize": 8,
        "mimeType": "text/csv",
        "workUnitId": "line 3",
        "importType": "csv",
        "deduplicate": False,
        "timeZone": "Europe/Berlin",
        "defaults": {"siteName": "Köln"},
        "checksumSha256": b64encode(sha256(file.read_bytes()).digest()).decode(),
    }


def test_a_profile_is_found_under_its_name_and_changed_on_condition(peer: Peer, client: LinefeedClient) -> None:
    """A name may hold spaces and letters of any alphabet; the revision that was read goes along."""
    peer.answers = [Answer({"name": "Süd 1"})]
    client.profile("Süd 1")
    client.put_profile("Süd 1", {"header": ["a"]}, revision="r1")
    client.put_profile("Süd 1", {"header": ["a"]})
    client.delete_profile("Süd 1", revision="r2")
    path = f"{PROFILES_PATH}/S%C3%BCd%201"
    assert peer.requests == [("GET", path), ("PUT", path), ("PUT", path), ("DELETE", path)]
    assert [headers.get("if-match") for headers in peer.headers] == [None, '"r1"', None, '"r2"']


def test_the_file_is_the_last_part_of_the_form(peer: Peer, client: LinefeedClient, file: Path) -> None:
    """S3 ignores what follows the file; and the API's token is none of its business."""
    peer.answers = [Answer("", 204)]
    sent: list[int] = []
    client.send_file(form(peer), file, sent.append)
    places = [peer.head.index(part) for part in (b'name="key"', b'name="policy"', b'name="file"')]
    assert places == sorted(places)
    assert re.search(rb"\r\n\r\na,b\n1,2\n\r\n--[0-9a-f]+--\r\n\Z", peer.tail)
    assert sum(sent) == 8
    assert "authorization" not in peer.headers[0]


def test_a_large_file_is_sent_without_being_in_memory(peer: Peer, client: LinefeedClient, tmp_path: Path) -> None:
    """40 MB go out in a few hundred kilobytes of memory, with their length told beforehand."""
    file = tmp_path / "large.csv"
    with file.open("wb") as large:
        large.truncate(40_000_000)
    peer.answers = [Answer("", 204)]
    tracemalloc.start()
    try:
        client.send_file(form(peer), file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peer.length > 40_000_000
    assert peak < 4_000_000


def test_a_refusal_by_the_storage_names_its_reason(peer: Peer, client: LinefeedClient, file: Path) -> None:
    """S3's own code and message reach the person."""
    peer.answers = [Answer(STORAGE_ERROR, 400)]
    with pytest.raises(StorageError, match=r"Too many bytes \(EntityTooLarge\)"):
        client.send_file(form(peer), file)


def test_an_error_of_the_api_prints_all_that_helps(peer: Peer, client: LinefeedClient) -> None:
    """Message, details, waiting time and support id are in the exception's text."""
    document = {
        "error": "rate_limited",
        "message": "That is enough for this hour.",
        "supportId": "s-42",
        "details": {"errors": [{"field": "workUnitId", "error": "is missing"}, {"field": None, "error": "too soon"}]},
    }
    peer.answers = [Answer(document, 429, {"Retry-After": "90"})]
    with pytest.raises(ApiError) as caught:
        client.status("u1")
    assert str(caught.value).splitlines() == [
        "That is enough for this hour. (429 rate_limited)",
        "  - workUnitId: is missing",
        "  - too soon",
        "  Try again in 90 s.",
        "  Support id: s-42",
    ]


def test_an_error_page_of_something_else_is_still_an_api_error(peer: Peer, client: LinefeedClient) -> None:
    """A proxy's HTML does not end in a traceback."""
    peer.answers = [Answer("<html>bad gateway</html>", 502)]
    with pytest.raises(ApiError, match="502") as caught:
        client.history()
    assert caught.value.status == 502


def test_nobody_at_the_address_is_said_plainly() -> None:
    """A stopped stack is named as such."""
    with LinefeedClient("http://127.0.0.1:1", "t") as client, pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        client.status("u1")


def test_waiting_ends_with_the_upload_and_shows_each_answer(peer: Peer, client: LinefeedClient) -> None:
    """A passing failure of the API is waited out; every status is shown, the last one returned."""
    peer.answers = [
        status_of("pending"),
        Answer({"message": "later"}, 503),
        status_of("processing"),
        status_of("completed"),
    ]
    seen: list[str] = []
    last = client.wait("u1", lambda answer: seen.append(answer["upload"]["status"]), interval=0.01)
    assert seen == ["pending", "processing", "completed"]
    assert last["upload"]["status"] == "completed"


def test_waiting_has_an_end(peer: Peer, client: LinefeedClient) -> None:
    """An upload that does not move is reported after the time that was given."""
    peer.answers = [status_of("processing")]
    with pytest.raises(WaitTimeout, match="u1"):
        client.wait("u1", timeout=0.1, interval=0.01)


def test_the_refused_rows_are_downloaded_from_where_the_api_points(
    peer: Peer, client: LinefeedClient, tmp_path: Path
) -> None:
    """The place is asked for as JSON and read without the token, and the bytes land in the file."""
    place = {"url": f"{peer.url}/signed?x=1", "expiresAt": "2026-03-01T12:05:00+00:00"}
    peer.answers = [Answer(place), Answer("linefeed:row,a\r\n2,x\r\n")]
    target = tmp_path / "refused.csv"
    assert client.download_refused_csv("u1", target) == 21
    assert target.read_bytes() == b"linefeed:row,a\r\n2,x\r\n"
    assert peer.requests == [("GET", f"{IMPORTS_PATH}/u1/errors?format=csv"), ("GET", "/signed?x=1")]
    assert peer.headers[0]["accept"] == "application/json"
    assert "authorization" not in peer.headers[1]


def test_pages_are_asked_for_by_limit_and_cursor(peer: Peer, client: LinefeedClient) -> None:
    """What the caller leaves out is left to the API."""
    peer.answers = [Answer({})]
    client.refused_rows("u1", limit=5, cursor="0:120")
    client.audit("u1")
    client.history(limit=2)
    assert [path for _, path in peer.requests] == [
        f"{IMPORTS_PATH}/u1/errors?limit=5&cursor=0%3A120",
        f"{IMPORTS_PATH}/u1/audit",
        f"{IMPORTS_PATH}?limit=2",
    ]


def test_a_report_is_fetched_as_data_and_as_a_page(peer: Peer, client: LinefeedClient) -> None:
    """By its two forms."""
    peer.answers = [Answer({"uploadId": "u1"}), Answer("<!DOCTYPE html>")]
    assert client.report("u1") == {"uploadId": "u1"}
    assert client.report_page("u1") == "<!DOCTYPE html>"
    assert [path for _, path in peer.requests] == [
        f"{IMPORTS_PATH}/u1/report",
        f"{IMPORTS_PATH}/u1/report?format=html",
    ]
