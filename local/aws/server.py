"""The AWS endpoint of the local run: moto's server in a thread of this process, with its gaps closed."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Self, cast

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server import werkzeug_app
from werkzeug.serving import BaseWSGIServer, make_server

from local.aws import (
    cors,
    distributed_map,
    dynamodb_locks,
    dynamodb_streams,
    dynamodb_tokens,
    inline_map,
    lambda_calls,
    ranged_reads,
    s3_events,
    s3_writes,
    step_functions,
)
from local.aws.access_keys import AccessKeys
from local.aws.cors import BucketCors
from local.aws.dynamodb_streams import StreamPollers
from local.aws.lambda_calls import AsyncCalls, InvokeFunction
from local.aws.patching import Patches
from local.aws.presigned import PresignedRequests
from local.aws.role_policies import RolePolicies
from local.aws.s3_errors import WsgiApplication

_HOST = "127.0.0.1"
_only_one = threading.Lock()


class AwsServer:
    """Serves the AWS services at `endpoint`, once, from `start` to `stop` or as a context manager.

    `invoke` runs every Lambda function, on threads of the server: an answer that somebody waits for in line,
    events of S3 and of DynamoDB streams later, with retries. It may call the server. `keys` may presign S3 requests,
    and those of roles may do what the role allows; more may be issued while it runs. `port` 0 takes a free one.

    moto keeps its state in module variables: only one server may run in a process, and `stop` forgets it all.
    """

    def __init__(self, invoke: InvokeFunction, keys: AccessKeys, port: int = 0) -> None:
        self._keys = keys
        self._port = port
        self._calls = AsyncCalls(invoke)
        self._pollers = StreamPollers(invoke)
        self._invoke = invoke
        self._patches = Patches()
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        """The URL of all services, for AWS_ENDPOINT_URL. Raises RuntimeError when the server does not run."""
        if self._server is None:
            raise RuntimeError("The AWS server was not started.")
        return f"http://{_HOST}:{self._server.port}"

    def start(self) -> None:
        """Bind the port and serve. Raises OSError when it is taken, RuntimeError when another server runs."""
        if not _only_one.acquire(blocking=False):
            raise RuntimeError("Only one AWS server can run in a process.")
        try:
            self._server = self._bind()
            self._install_patches()
        except BaseException:
            self._patches.undo()
            if self._server is not None:
                self._server.server_close()
                self._server = None
            _only_one.release()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, name="aws", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> int:
        """End every execution, let asynchronous calls end for at most `seconds`, and close the port.

        Returns the number of events that were given up.
        """
        if self._server is None or self._thread is None:
            return 0
        step_functions.stop_all()
        deadline = time.monotonic() + seconds
        given_up = self._calls.drain(seconds) + self._pollers.drain(max(0.0, deadline - time.monotonic()))
        self._calls.stop()
        self._pollers.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None
        self._patches.undo()
        moto_api_backend.reset()
        _only_one.release()
        return given_up

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self) -> BaseWSGIServer:
        dispatcher = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
        checked = RolePolicies(cast("WsgiApplication", dispatcher), self._keys)
        application = BucketCors(PresignedRequests(checked, self._keys.secrets))
        # Bound here, because werkzeug exits the process when the port is taken.
        with socket.create_server((_HOST, self._port), backlog=128) as listener:
            return make_server(
                _HOST,
                listener.getsockname()[1],
                application,
                threaded=True,
                request_handler=_QuietHandler,
                fd=listener.fileno(),
            )

    def _install_patches(self) -> None:
        patches = self._patches
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        default_user_config["lambda"] = {"use_docker": True}  # the full back end; the calls go to `invoke`
        lambda_calls.install(patches, self._invoke, self._calls)
        dynamodb_streams.install(patches)
        dynamodb_locks.install(patches, self._pollers.publish)
        dynamodb_tokens.install(patches)
        ranged_reads.install(patches)
        s3_writes.install(patches)
        s3_events.install(patches)
        cors.install(patches)
        step_functions.install(patches, self.endpoint)
        distributed_map.install(patches)
        inline_map.install(patches)


class _QuietHandler(werkzeug_app.MotoRequestHandler):
    """Does not log each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Errors are logged elsewhere."""
