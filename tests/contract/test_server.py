"""The server starts on a port, stops clean, and is one of a kind in its process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.aws.access_keys import AccessKeys
from local.aws.server import AwsServer

LIFE = """
import socket, threading, time
from local.aws.access_keys import AccessKeys
from local.aws.server import AwsServer
from tests.contract.cloud import ACCESS_KEY, SECRET, Cloud, FunctionHost

host, ended = FunctionHost(), []
server = AwsServer(host.invoke, AccessKeys({ACCESS_KEY: SECRET}))
server.start()
port = int(server.endpoint.rpartition(":")[2])
cloud = Cloud(server.endpoint, host)
cloud.make_role()
cloud.bucket()

def scan(_):
    time.sleep(0.5)
    cloud.bucket()
    ended.append("scan")

scanning = cloud.function(scan)
stuck = cloud.function(lambda _: time.sleep(60))
cloud.functions.invoke(FunctionName=scanning, InvocationType="Event", Payload="{}")
cloud.functions.invoke(FunctionName=stuck, InvocationType="Event", Payload="{}")
assert server.stop(seconds=3) == 1, "the stuck call is given up"
assert ended == ["scan"], "the other one ends, and can still reach the server"
assert socket.socket().connect_ex(("127.0.0.1", port)) != 0, "nobody listens"

with AwsServer(host.invoke, AccessKeys({ACCESS_KEY: SECRET}), port) as again:
    assert again.endpoint == f"http://127.0.0.1:{port}"
    assert Cloud(again.endpoint, host).s3.list_buckets()["Buckets"] == [], "nothing is left of the first"

with socket.create_server(("127.0.0.1", 0)) as other:
    try:
        AwsServer(host.invoke, AccessKeys(), other.getsockname()[1]).start()
    except OSError:
        print("the port is taken")
"""


@pytest.mark.usefixtures("cloud")
def test_only_one_server_runs_in_a_process() -> None:
    """Because the state of moto is the process's."""
    with pytest.raises(RuntimeError, match="Only one"):
        AwsServer(lambda _: pytest.fail("nothing calls it"), AccessKeys()).start()


def test_a_server_stops_and_starts_again() -> None:
    """In a process of its own: what is in flight ends or is given up, the port is free, nothing is kept."""
    ended = subprocess.run([sys.executable, "-c", LIFE], capture_output=True, text=True, check=False, timeout=120)
    assert (ended.stdout, ended.returncode) == ("the port is taken\n", 0), ended.stderr
