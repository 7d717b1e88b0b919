"""boto3 clients of the local AWS endpoint, each made once."""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config

from local.lambda_host import Platform

_CONFIG = Config(signature_version=None, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


class AwsClients:
    """Clients with the platform's endpoint and keys, whatever the environment says. Threads may share it."""

    def __init__(self, platform: Platform) -> None:
        self._endpoint_url = platform.endpoint_url
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._session = boto3.Session(
            aws_access_key_id=platform.access_key_id,
            aws_secret_access_key=platform.secret_access_key,
            region_name=platform.region,
        )

    def __call__(self, service: str) -> Any:
        """The client of a service, by boto3's name for it."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(  # type: ignore[call-overload]
                    service, endpoint_url=self._endpoint_url, config=_CONFIG
                )
            return self._clients[service]
