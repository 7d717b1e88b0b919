"""The API does what its description says, whatever a caller makes of it: no fault of ours, and one error shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from infra import openapi

ERROR = {"error", "message", "supportId", "details"}


SCHEMA: Any = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]


def test_the_committed_description_is_that_of_the_code() -> None:
    """Made anew by `python -m infra.openapi`."""
    assert openapi.TARGET.read_text(encoding="utf-8") == openapi.text()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_no_request_ends_in_a_fault_of_ours(operation: Any, stack: dict[str, Any], token: Callable[..., str]) -> None:
    """Made from the description, well or badly: an answer that was described, or an error in its shape."""

    @settings(max_examples=30, suppress_health_check=[*HealthCheck])
    @given(operation.as_strategy())
    def check(case: Any) -> None:
        _check(case, stack, token)

    check()


def _check(case: Any, stack: dict[str, Any], token: Callable[..., str]) -> None:
    answer = case.call(
        base_url=stack["apiUrl"],
        headers={"Authorization": f"Bearer {token(tenant='fuzzed-ag')}"},
        allow_redirects=False,
        timeout=60,
    )
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and "message" in answer.text:  # the gateway's own 404 has a message too, and no code
        assert set(answer.json()) in (ERROR, {"message"})
    if answer.status_code < 400 and case.method == case.operation.method.upper():
        documented = {int(status) for status in case.operation.definition.raw["responses"] if status.isdigit()}
        assert answer.status_code in documented
