"""`python -m local up`: run the stack until Ctrl-C.

Exit status: 0 when it was stopped, 2 when it could not start.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any, Never

from local.stack_file import STATE_FOLDER

HELP = "Start the stack and keep it running until Ctrl-C."

_STEP_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `up`."""
    parser.add_argument(
        "--state", type=Path, default=STATE_FOLDER, metavar="DIR", help="the stack's folder (default: .local)"
    )
    parser.add_argument(
        "--enforce-roles", action="store_true", help="let each function do what its role allows, and no more"
    )


def run(arguments: argparse.Namespace) -> int:
    """Start the stack, tell how to reach it, and stop it when asked to."""
    # Loaded when it is needed: it takes seconds, and the other commands are imported beside this one.
    from local.stack import COULD_NOT_START, LocalStack, StackOptions  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("local").setLevel(logging.INFO)
    listen_for_signals()
    began = time.monotonic()
    stack = LocalStack(StackOptions.from_environment(arguments.state, enforce_roles=arguments.enforce_roles))
    try:
        stack.start()
    except KeyboardInterrupt:
        return 0
    except COULD_NOT_START as error:
        print(f"The stack could not start: {error}", file=sys.stderr)
        return 2
    try:
        print(_welcome(stack.description, time.monotonic() - began), flush=True)
        wait_for_interrupt()
    except KeyboardInterrupt:
        print("\nStopping when the imports under way have ended. Ctrl-C again cuts them off.", flush=True)
    finally:
        stack.stop()
    print("Stopped.", flush=True)
    return 0


def listen_for_signals() -> None:
    """Take SIGTERM for Ctrl-C, and SIGINT also where a shell had it ignored, as for what runs in the background."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def wait_for_interrupt() -> Never:
    """Wait for KeyboardInterrupt.

    In small steps: the kernel may hand a signal to another thread, and Python handles it when this one runs.
    """
    while True:
        time.sleep(_STEP_SECONDS)


def _interrupt(*_: object) -> None:
    """Treat every signal to stop as Ctrl-C."""
    raise KeyboardInterrupt


def _welcome(description: dict[str, Any], seconds: float) -> str:
    """What to do with the stack."""
    session = description["sessions"][0]
    return f"""
Linefeed runs (ready after {seconds:.1f} s).

  Page        {description["pageUrl"]}
  API         {description["apiUrl"]}/api/import/manufacturing-data
  AWS         {description["awsEndpoint"]}  (region {description["region"]})
  Postgres    {description["postgresDsn"]}
  Logs        {description["logs"]}

  python -m local upload FILE
  curl -H 'Authorization: Bearer {session["token"]}' '{description["apiUrl"]}/api/import/manufacturing-data?limit=5'
  AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws stepfunctions list-executions \\
    --endpoint-url {description["awsEndpoint"]} --region {description["region"]} \\
    --state-machine-arn {description["stateMachineArn"]}

Ctrl-C stops it.
"""
