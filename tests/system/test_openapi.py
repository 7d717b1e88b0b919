"""The API does what its description says, whatever a caller makes of it: no fault of ours, and one error shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings

from infra import openapi

ERROR = {"error", "message", "supportId", "details"}


schema = schemathesis.openapi.from_dict(openapi.document())


def test_the_committed_description_is_that_of_the_code() -> None:
    """Made anew by `python -m infra.openapi`."""
    assert openapi.TARGET.read_text(encoding="utf-8") == openapi.text()


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=[*HealthCheck])
def test_no_request_ends_in_a_fault_of_ours(case: Any, stack: dict[str, Any], token: Callable[..., str]) -> None:
    """Made from the description, well or badly: an answer that was described, or an error in its shape."""
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
