"""What a malware scanner says of a file, and of which version of which object it says it."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.upload import MalwareScan, Value


class Verdict(Value):
    """`threat` is the name of what was found, `unscanned` why the file could not be looked at; clean without either."""

    scan: MalwareScan
    threat: str | None = None
    unscanned: str | None = None

    def held_to(self, now: datetime, definitions_days: int) -> Verdict:
        """The verdict where the definitions are as young as they must be; else that the file was not scanned.

        Of 0 days their age does not count. A threat that old definitions find is one.
        """
        made = self.scan.definitions_at
        if self.threat or self.unscanned or self.scan.managed or not definitions_days:
            return self
        if made is not None and now - made <= timedelta(days=definitions_days):
            return self
        told = "of an unknown date" if made is None else f"of {made:%Y-%m-%d}"
        return self.model_copy(update={"unscanned": f"the definitions are {told}"})


class ObjectVerdict(Value):
    """A verdict that came by itself, and the version that it is of; `etag` is without quotes."""

    key: str
    version_id: str
    etag: str
    verdict: Verdict
