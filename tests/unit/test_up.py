"""`python -m local up` waits for a signal to stop, whichever of its threads the signal comes to."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import signal, threading, time
from local.commands.up import listen_for_signals, wait_for_interrupt

def tell_another_thread():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
    time.sleep(30)

threading.Thread(target=tell_another_thread, daemon=True).start()
listen_for_signals()
try:
    wait_for_interrupt()
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_that_another_thread_takes_stops_too() -> None:
    """The kernel may hand it to any thread, and a lock that the main thread waits for does not wake it then."""
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True, timeout=20)
    assert ended.stdout == "interrupted\n"
