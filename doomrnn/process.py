"""Take Cover in processes of its own, which may die or hang at any moment: started, asked, ended without a trace."""

import contextlib
import os
import pickle
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np
import vizdoom

from worldmodels.parallel.processes import alive
from worldmodels.scripts.cli import UserError

PATIENCE = 60  # seconds; a game that takes longer to answer, even on a machine that is far too busy, counts as dead
_PLAYER = Path(__file__).with_name("game.py")
PROGRAM = Path(vizdoom.__file__).with_name("vizdoom")
_HERE = re.escape(socket.gethostname())
_SCRIPT = """#!/bin/sh
echo "$@" > started
({program} "$@"; kill -9 0) &  # 0: the whole group
read end  # comes when the process that asks is gone
kill -9 0
"""


class Died(Exception):
    """The game has died, or does not answer; another Game has to be started."""


class Tic(NamedTuple):
    frame: np.ndarray | None  # (H, W, 3) uint8, the whole screen; None where the episode has ended
    reward: float
    ended: bool
    dead: bool


class Game:
    """A game drawn at a resolution ("160x120").

    ViZDoom's library crashes if ViZDoom dies while it starts, and may wait for ever for one that dies later, since the
    two share locks. So a process of ours has the library (game.py), and this one only asks it, through a socket. That
    process, ViZDoom and the script that starts it are one group: with any of them, or with us, all of them end.
    Raises Died, as do all methods.
    """

    def __init__(self, resolution):
        width, height = map(int, resolution.split("x"))
        _remove_leftovers()
        folder = Path(tempfile.mkdtemp(prefix=f"doom-{os.getpid()}-{socket.gethostname()}-"))
        try:
            script = folder / "start"
            script.write_text(_SCRIPT.format(program=shlex.quote(str(PROGRAM))))
            script.chmod(0o700)
            if not os.access(script, os.X_OK):
                raise UserError(f"programs in {folder.parent} may not run: set TMPDIR to a folder where they may")
            self._screen = np.memmap(folder / "screen", np.uint8, "w+", shape=(height, width, 3))
            self._socket, theirs = socket.socketpair()
            with theirs:
                player = subprocess.Popen(
                    [sys.executable, "-P", _PLAYER, str(theirs.fileno())],
                    stdin=subprocess.PIPE,  # for the script to see our end
                    cwd=folder,  # ViZDoom makes a folder where it is started
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # a Ctrl-C is for us alone
                )
            self.close = weakref.finalize(self, _end, player, self._socket)  # with this object, or when Python exits
            self.ask("start", resolution)
        finally:
            _remove(folder)

    def begin(self, seed):
        """Begin an episode. Returns its first Tic."""
        return self._tic("begin", seed)

    def tic(self, buttons):
        """Play with LEFT, STAY or RIGHT. Returns the Tic."""
        return self._tic("tic", buttons)

    def ask(self, method, *args):
        """What a method of game.Player returns, which is a vizdoom.DoomGame, too."""
        answer, error = None, "interrupted"  # by a Ctrl-C, say: the answer to come may not be taken for the next one
        try:
            self._socket.settimeout(PATIENCE)
            self._socket.send(pickle.dumps((method, args)))
            answer, error = pickle.loads(self._socket.recv(1 << 16))
        except TimeoutError:
            error = f"no answer for {PATIENCE} seconds"
        except (EOFError, OSError):
            error = "killed"
        finally:
            if error:
                self.close()
        if error:
            raise Died(error)
        return answer

    def _tic(self, *question):
        shown, *rest = self.ask(*question)
        return Tic(np.array(self._screen) if shown else None, *rest)


def _end(player, pipe):
    os.killpg(player.pid, signal.SIGKILL)
    player.wait()
    player.stdin.close()
    pipe.close()


def _remove(folder):
    """Remove a game's folder, and the shared memory that it names. Those that have it open by now keep it."""
    with contextlib.suppress(FileNotFoundError):  # where ViZDoom has not been started
        for name in re.findall(r"\+viz_instance_id (\w+)", (folder / "started").read_text()):
            for kind in ("SM", "MQCtr", "MQDoom"):
                Path(f"/dev/shm/ViZDoom{kind}{name}").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers():
    """Remove what processes of this user and machine left when they were killed while Doom started."""
    for folder in Path(tempfile.gettempdir()).glob("doom-*"):
        with contextlib.suppress(FileNotFoundError):  # another process may do the same
            owner = re.fullmatch(rf"doom-(\d+)-{_HERE}-\w+", folder.name)
            if owner and folder.lstat().st_uid == os.getuid() and not alive(int(owner[1])):
                _remove(folder)
