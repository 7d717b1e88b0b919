"""What a request to AWS asks for, in the terms of IAM: actions on resources (Service Authorization Reference)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local.aws import sigv4
from local.aws.s3_errors import WsgiEnvironment
from local.aws.sigv4 import Credential

_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_STATES_RESOURCES = ("stateMachineArn", "executionArn", "mapRunArn")


@dataclass(frozen=True)
class Demand:
    """One action on one resource. `context` are the condition keys that the request gives."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


class UnknownDemand(ValueError):
    """A request of a kind that no function here makes; it is refused, so that nobody counts on it unseen."""


def demands(environ: WsgiEnvironment, body: bytes, credential: Credential, account: str) -> list[Demand]:
    """All that must be allowed for the request; `body` is that of a request in JSON or a form. Raises UnknownDemand."""
    arn = f"arn:aws:{credential.service}:{credential.region}:{account}"
    match credential.service:
        case "s3":
            return [*_of_s3(environ, body)]
        case "dynamodb":
            return [*_of_dynamodb(_operation(environ), json.loads(body), arn)]
        case "states":
            document = json.loads(body)
            found = next((document[name] for name in _STATES_RESOURCES if name in document), arn)
            return [Demand(f"states:{_operation(environ)}", found)]
        case "secretsmanager":
            return [Demand(f"secretsmanager:{_operation(environ)}", json.loads(body).get("SecretId", "*"))]
        case "lambda":
            return [_of_lambda(environ, arn)]
        case other:
            raise UnknownDemand(f"{other}: {environ['REQUEST_METHOD']} {environ['PATH_INFO']}")


def _operation(environ: WsgiEnvironment) -> str:
    """The operation of a JSON protocol: `DynamoDB_20120810.GetItem`."""
    return str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2]


def _of_dynamodb(operation: str, document: dict[str, Any], arn: str) -> Iterator[Demand]:
    if operation in ("TransactWriteItems", "TransactGetItems"):
        for entry in document["TransactItems"]:
            for kind, item in entry.items():
                yield Demand(f"dynamodb:{_TRANSACTION.get(kind, 'GetItem')}", f"{arn}:table/{item['TableName']}")
    elif operation.startswith("Batch"):
        for table in document["RequestItems"]:
            yield Demand(f"dynamodb:{operation}", f"{arn}:table/{table}")
    else:
        index = f"/index/{document['IndexName']}" if "IndexName" in document else ""
        yield Demand(f"dynamodb:{operation}", f"{arn}:table/{document['TableName']}{index}")


def _of_lambda(environ: WsgiEnvironment, arn: str) -> Demand:
    parts = str(environ["PATH_INFO"]).strip("/").split("/")
    match parts:
        case [_, "functions", name, "invocations"]:
            function = unquote(name)
            return Demand(
                "lambda:InvokeFunction", function if function.startswith("arn:") else f"{arn}:function:{function}"
            )
        case _:
            raise UnknownDemand(f"lambda: {environ['REQUEST_METHOD']} {environ['PATH_INFO']}")


def _of_s3(environ: WsgiEnvironment, body: bytes) -> Iterator[Demand]:
    bucket, _, key = str(environ["PATH_INFO"]).lstrip("/").partition("/")
    query = dict(sigv4.query_pairs(environ.get("QUERY_STRING", "")))
    resource = f"arn:aws:s3:::{bucket}"
    method = environ["REQUEST_METHOD"]
    if method == "POST" and not key:  # a form, whose fields were verified before
        fields = dict(sigv4.query_pairs(body.decode()))
        yield Demand("s3:PutObject", f"{resource}/{fields['key']}")
    elif not key:
        yield _of_bucket(method, query, resource)
    else:
        yield Demand(_object_action(method, query), f"{resource}/{key}")
        if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
            path, _, version = str(source).partition("?versionId=")
            action = "s3:GetObjectVersion" if version else "s3:GetObject"
            yield Demand(action, f"arn:aws:s3:::{unquote(path).lstrip('/')}")


def _of_bucket(method: str, query: Mapping[str, str], resource: str) -> Demand:
    if method == "GET" and query.get("list-type") == "2":
        return Demand("s3:ListBucket", resource, {"s3:prefix": query.get("prefix", "")})
    raise UnknownDemand(f"s3: {method} of a bucket with {', '.join(query) or 'no parameter'}")


def _object_action(method: str, query: Mapping[str, str]) -> str:
    version = "Version" if "versionId" in query else ""
    match method:
        case "GET" | "HEAD":
            return f"s3:GetObject{version}"
        case "DELETE":
            return "s3:AbortMultipartUpload" if "uploadId" in query else f"s3:DeleteObject{version}"
        case "PUT" | "POST" if not query.keys() & {"tagging", "acl", "retention", "legal-hold"}:
            return "s3:PutObject"
        case _:
            raise UnknownDemand(f"s3: {method} of an object with {', '.join(query)}")
