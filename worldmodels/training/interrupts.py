"""Ctrl-C and `kill` during work that is to end in good order."""

import contextlib
import signal


@contextlib.contextmanager
def deferred_interrupts():
    """Ctrl-C, `kill` and a closed terminal wait for the end of the block, which finds them in the list yielded here.

    The second one does not wait. A signal that is ignored, as Ctrl-C is in a shell script's background, stays so.
    """
    interrupts, former = [], {}

    def note(number, _):
        interrupts.append(number)
        if len(interrupts) > 1:
            restore()
            signal.raise_signal(number)

    def restore():
        for number, handler in former.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            former[number] = signal.signal(number, note)
    try:
        yield interrupts
    finally:
        restore()
    if interrupts:
        signal.raise_signal(interrupts[0])
