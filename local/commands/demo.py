"""`python -m local demo`: the sample's whole way, from a browser's POST to rows in Postgres.

Exit status: 0 when all adds up, 1 when something does not, 2 when the stack could not start.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from local.client import ClientError, LinefeedClient
from local.commands.attach import NoRunningStack, RunningStack, add_state_argument, running_stack
from local.commands.display import heading, make_console
from local.commands.outcome import Outcome, show_outcome
from local.commands.readback import ReadBack, read_back, show_read_back
from local.commands.upload import Request, carry_out
from local.postgres import Address, PostgresError
from local.samples import SAMPLE, SAMPLE_EXPECTED
from local.samples.generate import Expected

HELP = "Start the stack if none runs, import the shipped sample, and check the result in Postgres."

WORK_UNIT = "demo"
"""The work unit that the sample goes to; nothing else should, for its rows are counted."""

_TIMEOUT = 120.0


class StackDidNotStart(ClientError):
    """There is no stack to work with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `demo`."""
    add_state_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Import the sample and tell what became of it."""
    console = make_console()
    # A stack of our own must be stopped by SIGTERM too, and by Ctrl-C where the shell had it ignored.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    try:
        with _stack(arguments.state, console) as stack:
            return _demonstrate(stack, console)
    except StackDidNotStart as error:
        print(error, file=sys.stderr)
        return 2
    except (ClientError, PostgresError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1


@contextmanager
def _stack(folder: Path, console: Console) -> Iterator[RunningStack]:
    """The stack that runs in the folder, or else one of our own, which ends with the block.

    Raises StackDidNotStart.
    """
    try:
        running = running_stack(folder)
    except NoRunningStack:
        pass
    else:
        console.print(f"Using the stack that runs at {running.api_url}, with its page at {running.page_url}.")
        yield running
        return
    # Loaded when it is needed: it takes seconds, and who attaches to a running stack has no use for it.
    from local.stack import COULD_NOT_START, LocalStack, StackOptions  # noqa: PLC0415

    stack = LocalStack(StackOptions.from_environment(folder))
    began = time.monotonic()
    with _waiting(console, "Starting the local stack: AWS' services, Postgres, the functions and the API …"):
        try:
            stack.start()
        except COULD_NOT_START as error:
            raise StackDidNotStart(f"The stack could not start: {error}") from error
    try:
        console.print(f"The stack runs at {stack.description['apiUrl']} (after {time.monotonic() - began:.1f} s).")
        yield RunningStack.of(stack.description)
    finally:
        with _waiting(console, "Stopping the stack …"):
            stack.stop()


def _waiting(console: Console, text: str) -> AbstractContextManager[object]:
    """Say what is waited for: with a spinner on a terminal, in a line elsewhere."""
    if console.is_terminal and not console.is_dumb_terminal:
        return console.status(text)
    console.print(text)
    return nullcontext()


def _demonstrate(stack: RunningStack, console: Console) -> int:
    heading(console, "Uploading the sample as a browser does")
    with LinefeedClient(stack.api_url, stack.token) as client:
        outcome = carry_out(Request(SAMPLE, work_unit_id=WORK_UNIT), client, console, _TIMEOUT)
    show_outcome(console, outcome)
    with closing(Address.parse(stack.postgres_dsn).connect()) as connection:
        found = read_back(connection, tenant_id=stack.tenant, work_unit_id=WORK_UNIT, upload_id=outcome.upload_id)
    show_read_back(console, found)
    wrong = contradictions(outcome, found, Expected.read(SAMPLE_EXPECTED))
    _show_verdict(console, wrong, outcome)
    return 1 if wrong else 0


def contradictions(outcome: Outcome, found: ReadBack, expected: Expected) -> list[str]:
    """What does not add up between the API's totals, Postgres, and what the sample is known to hold."""
    totals = outcome.totals
    wrong = outcome.contradictions()
    if found.of_this_upload != totals["imported"]:
        wrong.append(f"Postgres has {found.of_this_upload:,} rows of this upload, not {totals['imported']:,}")
    if totals["records"] != expected.records:
        wrong.append(f"the sample has {expected.records:,} records, not {totals['records']:,}")
    if totals["refused"] != expected.refused:
        wrong.append(f"{expected.refused:,} rows of the sample are bad, not {totals['refused']:,}")
    return wrong


def _show_verdict(console: Console, wrong: list[str], outcome: Outcome) -> None:
    """Whether all adds up, and what to do next."""
    heading(console, "In short")
    if wrong:
        for contradiction in wrong:
            console.print(f"Wrong: {contradiction}.", style="red")
        return
    console.print("The API's totals, the sample's known flaws and Postgres' own count agree.", style="green")
    if outcome.totals["imported"]:
        console.print("Next: run “make demo” again, and every good row is found to be a duplicate.")
    else:
        console.print("Next: “make clean” empties the table; then the sample goes in anew.")
    console.print(
        "“make up” keeps the stack running and names its upload page; “.venv/bin/python -m local upload FILE” sends it "
        "a file of yours."
    )
