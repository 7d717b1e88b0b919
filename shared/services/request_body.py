"""The body of a request as a value, or the refusal that names what is wrong with it."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from shared.errors import RequestRefused

Body = TypeVar("Body", bound=BaseModel)


def parse_body(model: type[Body], body: str) -> Body:
    """Read JSON in the API's names; raises RequestRefused 422 with an entry for each member at fault."""
    try:
        return model.model_validate_json(body or "{}", by_alias=True, by_name=False)
    except ValidationError as error:
        raise RequestRefused(
            "The request is not complete or not valid; see details.",
            status=422,
            code="request_invalid",
            details=[_detail(problem) for problem in error.errors(include_url=False, include_context=False)],
        ) from error


def _detail(problem: Any) -> dict[str, Any]:
    field = ".".join(str(part) for part in problem["loc"]) or None
    value = problem["input"] if isinstance(problem["input"], str | int | float | bool) else None
    return {
        "row": None,
        "field": field,
        "value": None if value is None else str(value)[:200],
        "error": problem["msg"].removeprefix("Value error, "),
        "code": problem["type"],
        "severity": "error",
    }
