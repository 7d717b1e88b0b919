"""A transaction that is sent twice with one ClientRequestToken is written once.

boto3 puts a token into every `transact_write_items` and sends it again with its retries; moto ignores it, so a
retry after a lost answer counts twice. As on AWS a token is known for ten minutes: the same request again is
answered with success and writes nothing, another request with it is refused.
"""

from __future__ import annotations

import json
import time
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import DynamodbException
from moto.dynamodb.responses import DynamoHandler

from local.aws.patching import Patches

_SECONDS = 600.0


def install(patches: Patches) -> None:
    """Patch TransactWriteItems. The requests' lock (dynamodb_locks.py) guards the known tokens."""
    known: dict[str, tuple[float, str]] = {}

    def once_a_token(original: Any) -> Any:
        def transact_write_items(handler: Any) -> Any:
            token = handler.body.get("ClientRequestToken")
            if not token:
                return original(handler)
            now, request = time.monotonic(), json.dumps(handler.body["TransactItems"], sort_keys=True, default=str)
            for old in [name for name, (when, _) in known.items() if now - when > _SECONDS]:
                del known[old]
            if token in known:
                if known[token][1] == request:
                    return ActionResult({"ConsumedCapacity": [], "ItemCollectionMetrics": {}})
                raise DynamodbException(
                    "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException",
                    "The request uses the same client token as a previous, but non-identical request.",
                )
            answer = original(handler)
            known[token] = (now, request)
            return answer

        return transact_write_items

    patches.wrap(DynamoHandler, "transact_write_items", once_a_token)
