from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import pytest

from colregion.cli.interruption import interruptible

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a signal")


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)


def test_an_interrupt_that_a_library_swallows_is_raised_at_the_next_check() -> None:
    with interruptible() as check:
        check()
        with suppress(KeyboardInterrupt):  # as a finaliser does
            press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            check()


def test_the_previous_signal_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        press_ctrl_c()
    assert signal.getsignal(signal.SIGINT) is before
