"""A stand-in for an antivirus on a developer's machine: a few rules of YARA-X, which know the test file and no malware.

No archive is looked into. The package is not in the functions' layers, so no deployment can choose this by mistake.
"""

from __future__ import annotations

from typing import BinaryIO

from shared.domain.upload import MalwareScan
from shared.domain.verdict import Verdict

_BLOCK = 1 << 20
_OVERLAP = 256
"""Longer than any string of the rules, so that none is missed where two blocks meet."""

_RULES = r"""
rule EICAR_test_file { strings: $a = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE" condition: $a }
rule Windows_program { strings: $a = "This program cannot be run in DOS mode" condition: $a }
rule Web_shell { strings: $a = "<?php eval(" $b = "<%eval request(" nocase condition: any of them }
rule Encoded_command { strings: $a = "powershell -encodedcommand" nocase condition: $a }
"""


class DemoScanner:
    """A `StreamScanner`."""

    def __init__(self) -> None:
        import yara_x  # noqa: PLC0415 (only where it is chosen)

        self._rules = yara_x.compile(_RULES)
        self._used = MalwareScan(engine="demo rules, no antivirus (YARA-X)")

    def scan_stream(self, stream: BinaryIO) -> Verdict:
        """Look for the rules' strings in the file as it stands."""
        rest = b""
        while block := stream.read(_BLOCK):
            matches = self._rules.scan(rest + block).matching_rules
            if matches:
                return Verdict(scan=self._used, threat=matches[0].identifier)
            rest = block[-_OVERLAP:]
        return Verdict(scan=self._used)
