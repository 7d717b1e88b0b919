"""Which malware scanner a local stack has: a ClamAV daemon where one listens, else the demo rules."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

DEBIAN_SOCKET = Path("/var/run/clamav/clamd.ctl")
"""Where Debian's clamav-daemon listens."""


def scanner_settings(given: Mapping[str, str], debian_socket: Path = DEBIAN_SOCKET) -> dict[str, str]:
    """The scanner's settings that nobody gave: what is found here. The demo rules have no date, so none is asked of."""
    if "SCANNER" in given:
        return {}
    if "CLAMD_ADDRESS" in given:
        return {"SCANNER": "clamd"}
    if _listens(debian_socket):
        return {"SCANNER": "clamd", "CLAMD_ADDRESS": f"unix:{debian_socket}"}
    return {"SCANNER": "demo", "SCANNER_DEFINITIONS_DAYS": "0"}


def _listens(path: Path) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        return True
    return False
