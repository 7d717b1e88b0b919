"""The stack that a command works with: the one that runs in a folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.client import ClientError
from local.stack_file import STATE_FOLDER, read_description
from shared.domain.identity import Identity, Permission, Role


class NoRunningStack(ClientError):
    """No stack runs in the folder."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a stack is, and the session of somebody who may import: `tenant` and the bearer `token`."""

    api_url: str
    page_url: str
    postgres_dsn: str
    tenant: str
    token: str

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Self:
        """What `stack.json` describes, for the first of its people who may import."""
        session = next(session for session in description["sessions"] if _may_import(session))
        return cls(
            api_url=description["apiUrl"],
            page_url=description["pageUrl"],
            postgres_dsn=description["postgresDsn"],
            tenant=session["tenant"],
            token=session["token"],
        )


def _may_import(session: Mapping[str, str]) -> bool:
    identity = Identity(tenant_id=session["tenant"], user_id=session["user"], role=Role(session["role"]))
    return identity.may(Permission.IMPORT)


def running_stack(folder: Path) -> RunningStack:
    """The stack that runs in a folder; raises NoRunningStack."""
    description = read_description(folder)
    if description is None:
        raise NoRunningStack("No stack runs. Start one with “make up” and leave it running, or try “make demo”.")
    return RunningStack.of(description)


def add_state_argument(parser: argparse.ArgumentParser) -> None:
    """The folder of the stack to use."""
    parser.add_argument(
        "--state", type=Path, default=STATE_FOLDER, metavar="DIR", help="the stack's folder (default: .local)"
    )
