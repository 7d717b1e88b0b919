"""`python -m local up`: run the stack until Ctrl-C.

Exit status: 0 when it was stopped, 2 when it could not start.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from local.postgres import PostgresError
from local.resources import DeploymentError
from local.stack import LocalStack, StackOptions
from local.stack_file import STATE_FOLDER, AlreadyRunning
from local.synth import SynthesisError
from local.template import TemplateError

HELP = "Start the stack and keep it running until Ctrl-C."

_COULD_NOT_START = (AlreadyRunning, SynthesisError, PostgresError, TemplateError, DeploymentError, OSError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `up`."""
    parser.add_argument(
        "--state", type=Path, default=STATE_FOLDER, metavar="DIR", help="the stack's folder (default: .local)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Start the stack, tell how to reach it, and stop it when asked to."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("local").setLevel(logging.INFO)
    # Explicitly, because a shell starts what runs in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    stack = LocalStack(StackOptions.from_environment(arguments.state))
    try:
        stack.start()
    except KeyboardInterrupt:
        return 0
    except _COULD_NOT_START as error:
        print(f"The stack could not start: {error}", file=sys.stderr)
        return 2
    try:
        print(_welcome(stack.description, time.monotonic() - began), flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nStopping when the imports under way have ended. Ctrl-C again cuts them off.", flush=True)
    finally:
        stack.stop()
    print("Stopped.", flush=True)
    return 0


def _interrupt(*_: object) -> None:
    """Treat every signal to stop as Ctrl-C."""
    raise KeyboardInterrupt


def _welcome(description: dict[str, Any], seconds: float) -> str:
    """What to do with the stack."""
    session = description["sessions"][0]
    return f"""
Linefeed runs (ready after {seconds:.1f} s).

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
