"""The connections of the WebSocket API, by API Gateway's management API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from shared.adapters.aws_errors import translated


class ApiGatewaySockets:
    """The port `Sockets`; `client` is one of `apigatewaymanagementapi`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, connection_id: str, message: bytes) -> bool:
        """Post to the connection; False for 410, which one that is still being made is answered with, too."""
        try:
            with translated("The connection"):
                self._client.post_to_connection(ConnectionId=connection_id, Data=message)
        except ClientError as error:
            if not _is_gone(error):
                raise
            return False
        return True

    def close(self, connection_id: str) -> None:
        """Delete the connection."""
        try:
            with translated("The connection"):
                self._client.delete_connection(ConnectionId=connection_id)
        except ClientError as error:
            if not _is_gone(error):
                raise


def _is_gone(error: ClientError) -> bool:
    """By the status: the code is not always told."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.GONE
