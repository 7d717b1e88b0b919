"""Synthesizes the system: `python infra/app.py`, with neither the CDK CLI nor Docker.

Writes to `cdk.out/`, or to the folder that the environment variable CDK_OUTDIR names.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a script, Python searches infra/ first, where `constructs` would hide the library of that name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from infra.application import synthesize  # noqa: E402
from infra.configuration import ConfigurationError  # noqa: E402
from infra.constructs.page import PageNotBuiltError  # noqa: E402

if __name__ == "__main__":
    try:
        synthesize()
    except (ConfigurationError, PageNotBuiltError) as error:
        sys.exit(str(error))
