"""`python -m local upload FILE`: send a file to the running stack and tell what became of it.

Exit status: 0 when every record of the file is accounted for (refused rows are accounted for), 1 when the upload
was refused, failed or does not add up, 2 when it could not begin.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from local.client import ClientError, LinefeedClient
from local.commands.attach import add_state_argument, running_stack
from local.commands.display import make_console
from local.commands.outcome import REFUSED_ROWS_SHOWN, Outcome, show_outcome
from local.commands.progress import view_of

HELP = "Upload a file to the running stack and show what became of its records."

_TIMEOUT = 3600.0
_OPTIONS = (
    "deduplicate",
    "validate_data",
    "identity",
    "dry_run",
    "on_error",
    "max_errors",
    "profile",
    "save_profile",
    "time_zone",
    "encoding",
    "decimal_mark",
    "date_order",
    "ratio_scale",
    "sheet",
    "priority",
)


@dataclass(frozen=True, slots=True)
class Request:
    """A file and what is chosen for its import; `options` as `LinefeedClient.start_upload` takes them."""

    path: Path
    work_unit_id: str
    options: dict[str, Any] = field(default_factory=dict)


def carry_out(request: Request, client: LinefeedClient, console: Console, timeout: float = _TIMEOUT) -> Outcome:
    """Upload a file as a browser does, showing its way, and wait at most `timeout` seconds for the end.

    Raises ClientError.
    """
    began = time.monotonic()
    with view_of(console, request.path.name, request.path.stat().st_size) as view:
        upload = client.start_upload(request.path, work_unit_id=request.work_unit_id, **request.options)
        client.send_file(upload, request.path, view.sent)
        sent = time.monotonic()
        answer = client.wait(upload["uploadId"], view.status, timeout)
        ended = time.monotonic()
    refused = client.refused_rows(upload["uploadId"], limit=REFUSED_ROWS_SHOWN)["refusedRows"]
    return Outcome(answer["upload"], tuple(refused), sending=sent - began, importing=ended - sent)


def _write_refused(client: LinefeedClient, outcome: Outcome, target: Path) -> None:
    """All refused rows of an upload; raises ClientError."""
    is_workbook = target.suffix.lower() == ".xlsx"
    download = client.download_refused_xlsx if is_workbook else client.download_refused_csv
    try:
        download(outcome.upload_id, target)
    except OSError as error:
        raise ClientError(f"The refused rows cannot be written to {target}: {error.strerror}") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `upload`."""
    parser.add_argument("file", type=Path, help="a CSV or JSON file, gzip-ed or not, or a workbook")
    parser.add_argument("--work-unit", default="local", metavar="ID", help="the work unit (default: %(default)s)")
    parser.add_argument(
        "--deduplicate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out rows whose key the table has already (default: yes)",
    )
    parser.add_argument(
        "--validate",
        dest="validate_data",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="check the business rules as well as the types (default: yes)",
    )
    parser.add_argument("--identity", choices=("key", "occurrence"), help="what makes two rows the same")
    parser.add_argument("--dry-run", action="store_true", help="write no record, and tell what would have come of it")
    parser.add_argument("--on-error", choices=("skip", "abort"), help="abort: one refused row, and nothing goes in")
    parser.add_argument("--max-errors", type=int, metavar="N", help="stop when more rows than this were refused")
    parser.add_argument(
        "--profile", metavar="NAME", help="the profile to read the file by (default: that of its header)"
    )
    parser.add_argument("--save-profile", metavar="NAME", help="save what is chosen and found under this name")
    parser.add_argument("--time-zone", metavar="ZONE", help="of timestamps without one, such as Europe/Berlin")
    parser.add_argument("--encoding", metavar="NAME", help="of the file's text, such as windows-1250")
    parser.add_argument("--decimal-mark", choices=(".", ","), help="of the file's numbers")
    parser.add_argument("--date-order", choices=("YMD", "DMY", "MDY"), help="of the file's dates")
    parser.add_argument("--sheet", metavar="NAME", help="of a workbook, the sheet with the records")
    parser.add_argument("--ratio-scale", choices=("fraction", "percent"), help="of the file's ratios")
    _add_pairs(parser, "--default", "defaults", "FIELD=VALUE", "a record field that is the same for the whole file")
    _add_pairs(parser, "--map", "mapping", "COLUMN=FIELD", "the record field that a column of the file is")
    parser.add_argument("--priority", choices=("high", "normal", "low"), default="normal")
    parser.add_argument(
        "--refused",
        type=Path,
        metavar="FILE",
        help="write the refused rows there, to fix and upload again: a workbook (.xlsx), or CSV",
    )
    add_state_argument(parser)


def _add_pairs(parser: argparse.ArgumentParser, flag: str, name: str, form: str, meaning: str) -> None:
    parser.add_argument(
        flag,
        dest=name,
        action="append",
        type=_assignment,
        default=[],
        metavar=form,
        help=f"{meaning}; may be given more than once",
    )


def _assignment(text: str) -> tuple[str, str]:
    """`name=value`, as an argument."""
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def run(arguments: argparse.Namespace) -> int:
    """Upload the file to the stack that is running."""
    console = make_console()
    options = {name: getattr(arguments, name) for name in _OPTIONS}
    pairs = {name: dict(getattr(arguments, name)) or None for name in ("defaults", "mapping")}
    request = Request(arguments.file, arguments.work_unit, options | pairs)
    if not request.path.is_file():
        print(f"There is no file {request.path}.", file=sys.stderr)
        return 2
    try:
        stack = running_stack(arguments.state)
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with LinefeedClient(stack.api_url, stack.token) as client:
            outcome = carry_out(request, client, console)
            show_outcome(console, outcome)
            if arguments.refused and outcome.totals["refused"]:
                _write_refused(client, outcome, arguments.refused)
    except ClientError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped watching; what the stack has of the file it goes on with.", file=sys.stderr)
        return 1
    return 1 if outcome.contradictions() else 0
