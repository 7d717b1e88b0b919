"""The policy of an S3 POST form: what the signer allowed to be uploaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from local.aws.s3_errors import S3Error, access_denied

_NEED_NO_CONDITION = frozenset({"policy", "x-amz-signature", "file"})
_TRIPLE = 3


@dataclass(frozen=True, slots=True)
class SizeRange:
    """How many bytes the file may have; both ends included."""

    minimum: int = 0
    maximum: int = 5 * 1024**3

    def check(self, size: int) -> None:
        """Raise S3's error for a file of this size, if it is one."""
        if size > self.maximum:
            raise S3Error(
                HTTPStatus.BAD_REQUEST,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=size,
                MaxSizeAllowed=self.maximum,
            )
        if size < self.minimum:
            raise S3Error(
                HTTPStatus.BAD_REQUEST,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=size,
                MinSizeAllowed=self.minimum,
            )


def check_policy(document: bytes, fields: Mapping[str, str], bucket: str, now: datetime) -> SizeRange:
    """Hold a form's fields (names in lower case) against the policy that was signed; returns the size range.

    Raises S3Error: a policy that cannot be read, is expired, has a condition that the form does not meet, or
    lacks a condition for a field of the form.
    """
    policy = _parse(document)
    if _expiration(policy) <= now:
        raise _not_according("Policy expired.")
    values = {**fields, "bucket": bucket}
    sizes, covered = SizeRange(), {"bucket"}
    for condition in policy["conditions"]:
        operator, subject, wanted = _normalized(condition)
        if operator == "content-length-range":
            sizes = SizeRange(_whole_number(subject), _whole_number(wanted))
            continue
        name = subject.removeprefix("$").lower()
        covered.add(name)
        if not _met(operator, name, values.get(name, ""), wanted):
            raise _not_according(f"Policy Condition failed: {json.dumps([operator, subject, wanted])}")
    extra = [name for name in fields if name not in covered | _NEED_NO_CONDITION and not name.startswith("x-ignore-")]
    if extra:
        raise _not_according(f"Extra input fields: {', '.join(sorted(extra))}")
    return sizes


def _parse(document: bytes) -> dict[str, Any]:
    try:
        policy = json.loads(document)
    except ValueError as error:
        raise _invalid_document("Invalid JSON.") from error
    if not isinstance(policy, dict) or not isinstance(policy.get("conditions"), list):
        raise _invalid_document("Policy is missing required element - Conditions.")
    return policy


def _expiration(policy: dict[str, Any]) -> datetime:
    try:
        expiration = datetime.fromisoformat(policy["expiration"])
    except KeyError as error:
        raise _invalid_document("Policy is missing required element - Expiration.") from error
    except (TypeError, ValueError) as error:
        raise _invalid_document(f"Invalid 'expiration' value: '{policy['expiration']}'") from error
    return expiration if expiration.tzinfo else expiration.replace(tzinfo=UTC)


def _normalized(condition: Any) -> tuple[str, Any, Any]:
    if isinstance(condition, dict) and len(condition) == 1:
        name, value = next(iter(condition.items()))
        return "eq", f"${name}", str(value)
    if isinstance(condition, list) and len(condition) == _TRIPLE:
        operator = str(condition[0]).lower()
        if operator == "content-length-range":
            return operator, condition[1], condition[2]
        if operator in {"eq", "starts-with"} and str(condition[1]).startswith("$"):
            return operator, str(condition[1]), str(condition[2])
    raise _invalid_document(f"Invalid condition: {json.dumps(condition)}")


def _met(operator: str, name: str, value: str, wanted: str) -> bool:
    if operator == "eq":
        return value == wanted
    parts = value.split(",") if name == "content-type" else [value]
    return all(part.startswith(wanted) for part in parts)


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise _invalid_document("Invalid content-length-range.") from error


def _not_according(reason: str) -> S3Error:
    return access_denied(f"Invalid according to Policy: {reason}")


def _invalid_document(reason: str) -> S3Error:
    return S3Error(HTTPStatus.BAD_REQUEST, "InvalidPolicyDocument", f"Invalid Policy: {reason}")
