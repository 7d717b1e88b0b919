"""Which public names mean what on this machine: what a hosts file is for names, this is for origins.

The templates name what browsers reach on AWS: the page, S3, the API. Here each of them is a port of 127.0.0.1, so
wherever a template has such a name (CORS rules, settings, a content security policy) it is read as that address.
"""

from __future__ import annotations

import re
from typing import Any

PAGE_DOMAIN = "linefeed.test"
"""The page's own domain in the templates that are synthesized for this machine; `.test` is nobody's."""


class Hosts:
    """Origins and the addresses that stand for them."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}

    def add(self, origin: str, address: str) -> None:
        """From now on `origin` means `address`; both are scheme and host, with a port where there is one."""
        self._addresses[origin] = address

    def localized(self, value: Any) -> Any:
        """A value with the addresses in the place of the origins, in texts at every depth."""
        if isinstance(value, list):
            return [self.localized(item) for item in value]
        if isinstance(value, dict):
            return {key: self.localized(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        for origin, address in self._addresses.items():
            value = re.sub(rf"{re.escape(origin)}(?![\w.:-])", address, value)
        return value
