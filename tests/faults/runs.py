"""One run: an upload, with faults on its way, that has to recover."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tests.driving import csv_bytes, rows
from tests.faults.catalogue import CATALOGUE, Fault, Happened
from tests.faults.system import COUNT, FaultySystem


def schedule(seed: int) -> list[Fault]:
    """One to three faults."""
    chance = random.Random(seed)
    return chance.sample(CATALOGUE, chance.randint(1, 3))


def run_with(system: FaultySystem, faults: Sequence[Fault], seed: int) -> list[str]:
    """Send a file while the faults happen; whatever they are, it is imported as without them.

    Returns the names of those that happened.
    """
    person = system.person()
    path = person.file(csv_bytes(rows(COUNT)))
    started = person.client.start_upload(path, work_unit_id=person.work_unit)
    upload_id = str(started["uploadId"])
    with ThreadPoolExecutor(len(faults)) as threads:
        injected: list[Future[Happened]] = []
        for number, fault in enumerate(faults):
            chance = random.Random(f"{seed}/{number}")
            injected.append(threads.submit(fault.inject, system, upload_id, chance))
            if not fault.waits:
                injected[-1].result()
        person.client.send_file(started, path)
        system.await_recovery(person, upload_id)
        happened = [fault.name for fault, injection in zip(faults, injected, strict=True) if injection.result()()]
    system.await_recovery(person, upload_id)  # nor does what came late change anything
    person.client.close()
    return happened
