"""The API's description in OpenAPI 3.1: `python -m infra.openapi` writes docs/openapi.json.

Routes are those of the manifest, bodies those of the models that read them; a route that is not described here is an
error, and so is a description without a route. A test compares the file with a fresh one.
"""

from __future__ import annotations

import json
import tomllib
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from infra.manifest import ROOT, read_manifest
from shared.domain.audit import AuditEvent
from shared.domain.identity import Permission, Role
from shared.domain.problems import Severity
from shared.domain.profile import Profile, ProfileContent
from shared.domain.quality_report import QualityReport
from shared.domain.record import ProductionRecord
from shared.domain.upload import MalwareScan, Undone, UploadOptions, UploadStatus
from shared.services.api_keys import NewApiKey
from shared.services.confirm_preview import ConfirmPreview
from shared.services.read_preview import ShownPreview
from shared.services.send_parts import SignParts
from shared.services.start_upload import StartUpload

TARGET = ROOT / "docs" / "openapi.json"
_UPLOADS = "/api/import/manufacturing-data"
_PROFILES = "/api/import/profiles"
_KEYS = "/api/import/api-keys"
_SESSION = "/api/import/session"
_LIVE = "/api/import/live"

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_UPLOAD_ID: Schema = {"name": "uploadId", "in": "query", "schema": _TEXT}


def document() -> Schema:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Linefeed",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"],
            "description": "Manufacturing data files into Postgres: start an upload, send the file to the address that "
            "the answer names, follow it, and fetch what was refused.",
        },
        "security": [{"session": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "session": {"type": "http", "scheme": "bearer", "description": "A session's token, or an API key."}
            },
            "schemas": _schemas(),
        },
    }


def _paths() -> Schema:
    routes = [route for spec in read_manifest().values() for route in spec.routes]
    described = _operations()
    if undescribed := sorted({*routes} ^ described.keys()):
        raise ValueError(f"described and routed differ: {undescribed}")
    paths: Schema = {}
    for route in routes:
        method, path = route.split(" ")
        names = [_in_path(part[1:-1]) for part in path.split("/") if part.startswith("{")]
        operation = described[route]
        operation["parameters"] = [*names, *operation.get("parameters", [])]
        operation["responses"]["default"] = _answer("Why it was not done.", _ref("Error"))
        paths.setdefault(path, {})[method.lower()] = operation
    return paths


def _operations() -> dict[str, Schema]:
    """What each route takes and answers, by the route."""
    return {**_sending(), **_reading(), **_of_the_tenant()}


def _sending() -> dict[str, Schema]:
    """The ways of a file in, and what a person can do with an upload."""
    return {
        f"POST {_UPLOADS}": {
            "operationId": "startUpload",
            "summary": "Start an upload; the answer holds the form that brings the file's bytes",
            "parameters": [_header("Idempotency-Key")],
            "requestBody": _body("StartUpload"),
            "responses": {"201": _answer("The upload and where to send its file.", _ref("StartedUpload"))},
        },
        f"DELETE {_UPLOADS}": {
            "operationId": "cancelUpload",
            "summary": "Cancel an upload in any stage; what went in until then stays and is counted",
            "parameters": [{**_UPLOAD_ID, "required": True}],
            "responses": {
                "200": _answer("It is cancelled.", _ref("ChangedUpload")),
                "202": _answer("It is, once what is going in at this moment has.", _ref("ChangedUpload")),
            },
        },
        f"POST {_UPLOADS}/{{uploadId}}/parts": {
            "operationId": "signParts",
            "summary": "URLs for parts of a large file, each to be sent by PUT with exactly its bytes",
            "requestBody": _body("SignParts"),
            "responses": {"200": _answer("The URLs.", _object(parts=_parts("url"), expiresAt=_TEXT))},
        },
        f"GET {_UPLOADS}/{{uploadId}}/parts": {
            "operationId": "getParts",
            "summary": "The parts that have come, for whoever goes on after a break",
            "responses": {"200": _answer("In their order.", _object(parts=_parts("etag")))},
        },
        f"POST {_UPLOADS}/{{uploadId}}/complete": {
            "operationId": "completeUpload",
            "summary": "Make the file of its parts, once all have come",
            "responses": {"200": _answer("It is one file now.", _ref("ChangedUpload"))},
        },
        f"POST {_UPLOADS}/{{uploadId}}/retry": {
            "operationId": "retryUpload",
            "summary": "Import an upload that failed, was cancelled or undone again, without the chunks that are in",
            "responses": {"202": _answer("It is in the queue, or further.", _ref("ChangedUpload"))},
        },
        f"POST {_UPLOADS}/{{uploadId}}/confirm": {
            "operationId": "confirmPreview",
            "summary": "Import an upload as its preview shows it, or by other choices, or have it shown by them",
            "requestBody": {**_body("ConfirmPreview"), "required": False},
            "responses": {
                "200": _answer("It was confirmed so before, and is in.", _ref("ChangedUpload")),
                "202": _answer("It is in the queue, or further.", _ref("ChangedUpload")),
            },
        },
        f"POST {_UPLOADS}/{{uploadId}}/undo": {
            "operationId": "undoUpload",
            "summary": "Take all rows of an upload that has ended out of the table",
            "responses": {
                "200": _answer("They have left.", _ref("ChangedUpload")),
                "202": _answer("They are leaving.", _ref("ChangedUpload")),
            },
        },
    }


def _reading() -> dict[str, Schema]:
    """What came of uploads, and what is handed out."""
    pages = [_query("limit", {"type": "integer", "minimum": 1, "maximum": 200}), _query("cursor", {"type": "string"})]
    return {
        f"GET {_UPLOADS}": {
            "operationId": "getUploads",
            "summary": "One upload with its progress, or a page of the tenant's uploads, the newest first",
            "description": "A page looks at a thousand uploads at most: with a filter it may be short, or empty, and "
            "yet have a nextCursor.",
            "parameters": [_UPLOAD_ID, *pages, *_filters()],
            "responses": {
                "200": _answer(
                    "With uploadId one, else a page.", {"anyOf": [_one_upload(), _page("uploads", _ref("Upload"))]}
                )
            },
        },
        f"POST {_LIVE}": {
            "operationId": "openLive",
            "summary": "An address for a WebSocket over which the tenant's uploads are told as they change",
            "description": "Good for one connection, until it expires. A message has `type` upload, and `upload` and "
            "`progress` as getUploads answers them for one upload; `truncated` in an upload says that what may be long "
            "was left out. A message of `type` ping is answered with one of `type` pong.",
            "responses": {"201": _answer("Where to connect.", _ref("Download"))},
        },
        f"GET {_UPLOADS}/template": {
            "operationId": "getTemplate",
            "summary": "An empty table to fill in",
            "parameters": [_format("xlsx", "csv"), _header("If-None-Match")],
            "responses": {"200": {"description": "The file."}, "304": {"description": "It has not changed."}},
        },
        f"GET {_UPLOADS}/{{uploadId}}/errors": {
            "operationId": "getRefusedRows",
            "summary": "A page of the refused rows, or the way to a file of all",
            "parameters": [_format("json", "csv", "xlsx"), *pages],
            "responses": {
                "200": _answer(
                    "A page, or the file's address.",
                    {"anyOf": [_refused_rows(), _ref("Download")]},
                ),
                "302": {"description": "The file is there."},
            },
        },
        f"GET {_UPLOADS}/{{uploadId}}/audit": {
            "operationId": "getAudit",
            "summary": "What was done to an upload, by whom and why, the oldest first",
            "parameters": pages,
            "responses": {"200": _answer("A page of events.", _page("events", _ref("AuditEvent")))},
        },
        f"GET {_UPLOADS}/{{uploadId}}/preview": {
            "operationId": "getPreview",
            "summary": "How the file of an upload is read that waits to be confirmed",
            "responses": {"200": _answer("The preview, and what its columns can be.", _ref("ShownPreview"))},
        },
        f"GET {_UPLOADS}/{{uploadId}}/report": {
            "operationId": "getReport",
            "summary": "The quality report of an upload that has ended, also as a page",
            "parameters": [_format("json", "html")],
            "responses": {"200": _answer("The report.", _ref("QualityReport"), "text/html")},
        },
    }


def _filters() -> list[Schema]:
    """What a listed upload must be."""
    statuses = {"type": "array", "items": _one_of(UploadStatus)}
    names = {"search": 255, "workUnitId": 100, "createdBy": 100}
    time = {**_TEXT, "format": "date-time"}
    return [
        {**_query("status", statuses), "style": "form", "explode": False},
        *(_query(name, {**_TEXT, "maxLength": most}) for name, most in names.items()),
        *(_query(name, time) for name in ("from", "to")),
    ]


def _of_the_tenant() -> dict[str, Schema]:
    """The tenant's profiles and API keys, and who is asking."""
    return {
        f"GET {_SESSION}": {
            "operationId": "getSession",
            "summary": "Who is asking, and what they may",
            "responses": {"200": _answer("The session.", _ref("Session"))},
        },
        f"GET {_PROFILES}": {
            "operationId": "getProfiles",
            "summary": "All profiles of the tenant, by name",
            "responses": {"200": _answer("Without what may be long.", _object(profiles={"type": "array"}))},
        },
        f"GET {_PROFILES}/{{name}}": {
            "operationId": "getProfile",
            "summary": "One profile",
            "responses": {"200": _answer("The profile, its revision as ETag.", _ref("Profile"))},
        },
        f"PUT {_PROFILES}/{{name}}": {
            "operationId": "putProfile",
            "summary": "Create or replace a profile",
            "parameters": [_header("If-Match"), _header("If-None-Match")],
            "requestBody": _body("ProfileContent"),
            "responses": {
                "200": _answer("It was replaced.", _ref("Profile")),
                "201": _answer("It was created.", _ref("Profile")),
            },
        },
        f"DELETE {_PROFILES}/{{name}}": {
            "operationId": "deleteProfile",
            "summary": "Delete a profile",
            "parameters": [_header("If-Match")],
            "responses": {"204": {"description": "There is none any more."}},
        },
        f"POST {_KEYS}": {
            "operationId": "createApiKey",
            "summary": "Make a key for a plant server; administrators alone",
            "requestBody": _body("NewApiKey"),
            "responses": {"201": _answer("The key's text, which is never shown again.", _ref("CreatedApiKey"))},
        },
        f"GET {_KEYS}": {
            "operationId": "getApiKeys",
            "summary": "The tenant's keys, without what they are made of",
            "responses": {"200": _answer("The oldest first.", _object(apiKeys={"type": "array"}))},
        },
        f"DELETE {_KEYS}/{{keyId}}": {
            "operationId": "revokeApiKey",
            "summary": "End a key at once",
            "responses": {"204": {"description": "It opens nothing any more."}},
        },
    }


def _schemas() -> Schema:
    taken: list[type[BaseModel]] = [StartUpload, ConfirmPreview, SignParts, ProfileContent, NewApiKey]
    given: list[type[BaseModel]] = [
        *(Profile, AuditEvent, QualityReport, ProductionRecord),
        *(UploadOptions, MalwareScan, Undone, ShownPreview),
    ]
    _, of_models = models_json_schema(
        [*((model, "validation") for model in taken), *((model, "serialization") for model in given)],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    schemas: Schema = of_models["$defs"]
    text, number = _TEXT, {"type": "integer"}
    return schemas | {
        "Error": _object(
            error={**text, "description": "A stable code."},
            message={**text, "description": "What to do."},
            supportId={**text, "description": "Finds the line in the log."},
            details=_object(errors={"type": "array", "items": {"type": "object"}}),
        ),
        "StartedUpload": _object(
            success={"type": "boolean"},
            uploadId=text,
            jobId=text,
            status=_one_of(UploadStatus),
            message=text,
            tracking=_object(statusUrl=text, websocketUrl={"type": ["string", "null"]}),
            upload={
                "anyOf": [
                    _object(method={"const": "POST"}, url=text, fields={"type": "object"}, expiresAt=text),
                    _object(
                        method={"const": "MULTIPART"},
                        partSize=number,
                        partCount=number,
                        partsUrl=text,
                        completeUrl=text,
                        expiresAt=text,
                    ),
                    {"type": "null"},
                ]
            },
        ),
        "Upload": _upload(schemas["UploadOptions"]),
        "ChangedUpload": _object(success={"type": "boolean"}, upload=_ref("Upload")),
        "Progress": _object(
            totalRecords=number,
            processedRecords=number,
            successfulRecords=number,
            failedRecords=number,
            duplicates=number,
            warnings=number,
            unprocessedRecords=number,
            percentage=number,
            currentPhase=text,
            estimatedTimeRemaining={"type": ["integer", "null"]},
        ),
        "CreatedApiKey": _object(keyId=text, name=text, key=text, createdAt=text, createdBy=text),
        "Download": _object(url=text, expiresAt=text),
        "RefusedRow": _refused_row(),
        "Problem": _problem(),
        "Session": _object(
            user=text,
            tenant=text,
            role=_one_of(Role),
            permissions={"type": "array", "items": _one_of(Permission)},
        ),
    }


def _upload(options: Schema) -> Schema:
    """An upload as `show_upload` makes it, with its options; each member is there but for what one alone has."""
    time, count = {"type": ["string", "null"], "format": "date-time"}, {"type": "integer"}
    totals = _object(
        **dict.fromkeys(("records", "imported", "duplicates", "refused", "warnings", "unprocessed"), count)
    )
    shown = _object(
        uploadId=_TEXT,
        jobId=_TEXT,
        fileName=_TEXT,
        fileSize=count,
        mimeType=_TEXT,
        status=_one_of(UploadStatus),
        stage={"type": ["string", "null"], "description": "Where it is; null once it has ended."},
        message=_TEXT,
        createdAt={"type": "string", "format": "date-time"},
        createdBy=_TEXT,
        correlationId=_TEXT,
        corrects={"type": ["string", "null"], "description": "The upload whose refused rows it brings again."},
        corrections={"type": "array", "items": _correction(), "description": "Those of its own; the oldest first."},
        attempt=count,
        receivedAt=time,
        acceptedAt=time,
        plannedAt=time,
        importStartedAt=time,
        endedAt=time,
        malwareScan=_or_null(_ref("MalwareScan")),
        totals=_or_null(totals),
        failure=_or_null(_ref("Failure")),
        undone=_or_null(_ref("Undone")),
        columns={"type": "object", "additionalProperties": _TEXT, "description": "Column → record field."},
        unmappedColumns={"type": "array", "items": _TEXT},
        decisions={"type": "array", "items": _ref("Decision")},
    )
    errors = {"type": "array", "items": _ref("Problem"), "description": "Of the first refused rows; one upload only."}
    corrected = {**count, "description": "That are in by its completed corrections; one upload only."}
    shown["properties"] |= options["properties"] | {"errors": errors, "correctedRecords": corrected}
    shown["required"] += options["properties"]
    return shown


def _correction() -> Schema:
    """A correction as the upload knows it that it corrects."""
    entry = _object(uploadId=_TEXT, createdAt={"type": "string", "format": "date-time"}, createdBy=_TEXT)
    status = {"anyOf": [_one_of(UploadStatus), {"type": "null"}]}
    entry["properties"]["status"] = {**status, "description": "Of one upload only; null where it has expired."}
    return entry


def _refused_rows() -> Schema:
    """A page of them, with the file's columns in their order, which an object's members need not have."""
    page = _page("refusedRows", _ref("RefusedRow"))
    page["properties"]["columns"] = {"type": "array", "items": _TEXT}
    page["required"].append("columns")
    return page


def _refused_row() -> Schema:
    record = {"anyOf": [{"type": "object", "additionalProperties": _TEXT}, _TEXT]}
    corrected = {"type": ["string", "null"], "description": "The completed correction that has brought the row in."}
    row = _object(
        row={"type": "integer"},
        record=record,
        errors={"type": "array", "items": _ref("Problem")},
        correctedBy=corrected,
    )
    row["properties"]["truncated"] = {"const": True, "description": "Its texts are too long to be shown whole."}
    return row


def _problem() -> Schema:
    """What is wrong with a row, as every list of errors has it."""
    maybe = {"type": ["string", "null"]}
    return _object(
        row={"type": "integer"}, field=maybe, value=maybe, error=_TEXT, code=_TEXT, severity=_one_of(Severity)
    )


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _parts(further: str) -> Schema:
    part = _object(partNumber={"type": "integer"}, size={"type": "integer"}, **{further: _TEXT})
    return {"type": "array", "items": part}


def _one_of(choices: type[StrEnum]) -> Schema:
    return {"type": "string", "enum": [choice.value for choice in choices]}


def _one_upload() -> Schema:
    return _object(upload=_ref("Upload"), progress=_ref("Progress"))


def _page(name: str, item: Schema | None = None) -> Schema:
    pagination = _object(limit={"type": "integer"}, nextCursor={"type": ["string", "null"]})
    return _object(**{name: {"type": "array", "items": item or {"type": "object"}}, "pagination": pagination})


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*properties]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _body(model: str) -> Schema:
    return {"required": True, "content": {"application/json": {"schema": _ref(model)}}}


def _answer(description: str, schema: Schema, *others: str) -> Schema:
    also = {kind: {"schema": {"type": "string"}} for kind in others}
    return {"description": description, "content": {"application/json": {"schema": schema}, **also}}


def _query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _header(name: str) -> Schema:
    return {"name": name, "in": "header", "schema": {"type": "string"}}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _format(*forms: str) -> Schema:
    return _query("format", {"type": "string", "enum": [*forms], "default": forms[0]})


def text() -> str:
    """The file's text."""
    return json.dumps(document(), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
