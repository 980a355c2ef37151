"""What every script's command line has in common: one-line errors, checked numbers, exit codes."""

import argparse
import errno
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from worldmodels.scripts.streams import open_streams


class UserError(Exception):
    """Something the user can put right. The message is one line: what is wrong, and what to do about it."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that shows defaults in --help and answers a wrong option with one line and exit code 2."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs)

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def _number(kind, low, words, strict=False):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}") from None
        if not (value > low if strict else value >= low) or value == float("inf"):  # NaN fails both comparisons
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
        return value

    return parse


positive_int = _number(int, 1, "a whole number of at least 1")
non_negative_int = _number(int, 0, "a whole number of at least 0")
positive_float = _number(float, 0, "a number above 0", strict=True)
non_negative_float = _number(float, 0, "a number of at least 0")


def seed(text):
    """A seed: what gymnasium, Keras and numpy all take."""
    if (value := non_negative_int(text)) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {2**32 - 1}")
    return value


def explain_os_error(error):
    """One line for an OSError: a full disk, a folder that cannot be written, and the like."""
    where = f" {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where and ' at' + where}: free some space and run the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"no permission for{where}: choose another folder, or change its permissions"
    reason = error.strerror or " ".join(str(error).split())
    return f"{reason}{where and ':' + where}"


def explain(error):
    """One line for any exception that ends a process which works for another one."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return explain_os_error(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    line = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {line} ({Path(where.filename).name}, line {where.lineno})"


def _end_after_all(lost):
    """Send a signal again whose exception was lost: Python ignores what is raised while C calls it, as LLVM does for
    numba when it has compiled something.
    """
    if not issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        return sys.__unraisablehook__(lost)
    number = signal.SIGINT if lost.exc_type is KeyboardInterrupt else lost.exc_value.code - 128
    timer = threading.Timer(0.1, os.kill, (os.getpid(), number))
    timer.daemon = True  # nothing waits for it, should main() end before
    timer.start()


def run(main):
    """Call main() as a script. A UserError or OSError becomes one line on stderr and exit code 2; Ctrl-C gives 130, a
    closed output 141, SIGTERM 143, a closed terminal 129 (unless nohup has it ignored).
    """
    open_streams()
    sys.unraisablehook = _end_after_all
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))  # the same clean-up as Ctrl-C
    try:
        main()
        sys.stdout.flush()
        return
    except UserError as error:
        code, line = 2, f"error: {error}\n"
    except KeyboardInterrupt as end:
        code, line = 130, f"interrupted: run the same command again{end}\n"
    except BrokenPipeError:  # `| head` closed our output
        code, line = 141, ""
    except OSError as error:
        code, line = 2, f"error: {explain_os_error(error)}\n"
    except SystemExit as end:
        code, line = end.code, ""
    for stream, words in ((sys.stdout, ""), (sys.stderr, line)):
        try:
            print(words, end="", file=stream, flush=True)
        except OSError:  # nobody listens; Python would complain of it at the very end
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
