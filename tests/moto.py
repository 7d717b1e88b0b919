"""One patched moto server for all tests of a run that ask for it.

Each test in tests/contract says what unpatched moto does; it was seen to fail with its patch left out. After an
upgrade of moto they tell which patch is no longer needed and which no longer fits.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.aws.access_keys import AccessKeys
from local.aws.server import AwsServer
from tests.contract.cloud import ACCESS_KEY, SECRET, Cloud, FunctionHost


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """The server, with a role that functions and state machines may have."""
    host = FunctionHost()
    keys = AccessKeys({ACCESS_KEY: SECRET})
    with AwsServer(host.invoke, keys) as server:
        cloud = Cloud(server.endpoint, host, keys)
        cloud.make_role()
        yield cloud
