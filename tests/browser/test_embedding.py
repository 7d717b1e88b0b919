"""The web component in the page of another app, at an origin of its own, with that app's session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.driving import csv_bytes, rows

APP = "http://localhost:3000/plant"
"""An origin that cdk.json lets in."""

PAGE = """<!doctype html><html lang="en"><title>An app</title>
<linefeed-upload api="{api}" work-unit="hall-3" priority="high"></linefeed-upload>
<script type="module">
document.querySelector("linefeed-upload").token = () => "{token}";
await import("{page}/embed/linefeed-upload.js");
</script></html>"""
CLIENT = """async ([address, api, token, uploadId]) => {
    const { createClient } = await import(address);
    const linefeed = createClient({ baseUrl: api, token: () => token });
    const { upload } = await linefeed.upload(uploadId);
    return [upload.status, upload.totals.imported];
}"""


def test_it_sends_and_tells_its_page(
    browser: Browser, stack: dict[str, Any], token: Callable[..., str], tmp_path: Path
) -> None:
    """What the app has chosen is not asked for; its events tell of the upload; the client reads what came of it."""
    session = token()
    # The app's page is not on this machine to Chromium, since it comes from the test; a real one asks nothing.
    context = browser.new_context(locale="en-GB", permissions=["local-network-access"])
    page = context.new_page()
    document = PAGE.format(page=stack["pageUrl"], api=stack["apiUrl"], token=session)
    page.route(f"{APP}*", lambda route: route.fulfill(body=document, content_type="text/html"))
    page.add_init_script(
        """window.events = [];
        for (const name of ["started", "progress", "ended", "error"])
            addEventListener(`linefeed-${name}`, ({ detail }) => events.push([name, detail.upload?.status]));"""
    )
    page.goto(APP)
    (tmp_path / "embedded.csv").write_bytes(csv_bytes(rows(6)))
    expect(page.get_by_text("Drop files here")).to_be_visible()
    expect(page.get_by_label("Work unit")).to_have_count(0)
    page.locator("input[type=file]").set_input_files(tmp_path / "embedded.csv")
    page.get_by_role("button", name="Send the file").click()
    expect(page.get_by_text("6 of 6 records were imported.")).to_be_visible(timeout=60_000)

    page.wait_for_function("events.some(([name]) => name === 'ended')")
    events = page.evaluate("events")
    assert events[0][0] == "started"
    assert events[-1] == ["ended", "completed"]
    assert all(name != "error" for name, _ in events)
    upload_id = page.evaluate("JSON.parse(Object.values(sessionStorage)[0])[0]")
    client = f"{stack['pageUrl']}/embed/linefeed-client.js"
    assert page.evaluate(CLIENT, [client, stack["apiUrl"], session, upload_id]) == ["completed", 6]
    context.close()
