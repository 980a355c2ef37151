"""Take Cover in a ViZDoom process of our own: started, played, and given up should it die, without a trace."""

import contextlib
import os
import queue
import shlex
import tempfile
import threading
import weakref
from pathlib import Path
from typing import NamedTuple

import numpy as np
import vizdoom

from worldmodels.parallel.threads import alive
from worldmodels.scripts.cli import UserError

START = 14  # the tic at which the player takes over; the timeout counts from there
TIMEOUT = 2100  # tics
SKILL = 4  # the scenario's own; the 2018 code asks for 5, which in today's ViZDoom is far harder than what it played
LEFT, STAY, RIGHT = [1, 0], [0, 0], [0, 1]
_PROGRAM = Path(vizdoom.__file__).with_name("vizdoom")
_SCRIPT = """#!/bin/sh
cd {folder}
echo $$ "$@" > started
trap '' INT  # a Ctrl-C is for the process that plays
command -v setpriv > /dev/null && exec setpriv --pdeathsig KILL {program} "$@"
exec {program} "$@"
"""
_FAILED = (
    vizdoom.ViZDoomErrorException,
    vizdoom.ViZDoomIsNotRunningException,
    vizdoom.ViZDoomUnexpectedExitException,
    vizdoom.MessageQueueException,
    vizdoom.SharedMemoryException,
)


class Died(Exception):
    """ViZDoom's process has ended; another Game has to be started."""


class Tic(NamedTuple):
    frame: np.ndarray | None  # (H, W, 3) uint8, the whole screen; None where the episode has ended
    reward: float
    ended: bool
    dead: bool


class Game:
    """A ViZDoom process, played from a thread of its own.

    Two programs that share memory lock it in turns. Should one be killed while it holds the lock, which happens to one
    ViZDoom in three, ViZDoom's library waits for ever in the other. So a thread does the waiting: when the process is
    gone, the thread is left behind.
    """

    def __init__(self, resolution):
        self.pid = None
        self._calls = queue.SimpleQueue()
        thread = threading.Thread(target=_serve, args=(self._calls,), daemon=True)
        thread.start()
        self._end = weakref.finalize(self, _end, self._calls, thread)  # with this object, or when Python exits
        self.doom, self.pid = self._call(_start, resolution)

    def play(self, actions, seed=None):
        """Start an episode, if a seed is given, and take the actions (a list of LEFT, STAY, RIGHT).

        Returns the last Tic. Raises Died.
        """
        return self._call(_play, self.doom, actions, seed)

    def close(self):
        with contextlib.suppress(Died):
            self._call(self.doom.close)

    def _call(self, function, *args):
        answer = queue.SimpleQueue()
        self._calls.put((function, args, answer))
        while True:
            try:
                value, error = answer.get(timeout=1)
            except queue.Empty:
                if self.pid and not alive(self.pid):
                    self._end.detach()
                    raise Died("killed") from None
                continue
            if isinstance(error, _FAILED):
                raise Died(str(error)) from None
            if error:
                raise error
            return value


def _serve(calls):
    while call := calls.get():
        function, args, answer = call
        try:
            answer.put((function(*args), None))
        except Exception as error:
            answer.put((None, error))
        del call, function, args, answer  # or the game would live on with this thread


def _end(calls, thread):
    """Python may not exit before: a thread that it stops inside ViZDoom's library takes the whole program down."""
    calls.put(None)
    thread.join(timeout=10)


def _play(doom, actions, seed):
    if seed is not None:
        doom.set_seed(seed)
        doom.new_episode()
    reward = 0.0
    for buttons in actions:
        reward = doom.make_action(buttons)
    state = doom.get_state()
    return Tic(state and state.screen_buffer, reward, doom.is_episode_finished(), doom.is_player_dead())


def _start(resolution):
    """Start a ViZDoom process. Returns the DoomGame and the number of the process.

    A script in a temporary folder starts it, for three reasons. ViZDoom makes a folder where it is started, which is
    neither to be the user's nor has to be writable. Should our process be killed, ViZDoom would wait for it for ever:
    setpriv has the kernel kill it as well. And the script tells the name of the shared memory, which is removed as soon
    as both sides have it open: so it is freed when they end, in whatever way.
    """
    doom = vizdoom.DoomGame()
    doom.set_doom_scenario_path(str(Path(vizdoom.scenarios_path) / "take_cover.wad"))
    doom.set_doom_map("map01")
    doom.set_doom_skill(SKILL)
    doom.set_screen_resolution(vizdoom.ScreenResolution.__members__[f"RES_{resolution.upper()}"])
    doom.set_screen_format(vizdoom.ScreenFormat.RGB24)
    doom.set_render_hud(True)
    doom.set_render_crosshair(False)
    doom.set_render_weapon(False)
    doom.set_render_decals(False)
    doom.set_render_particles(False)
    doom.set_render_screen_flashes(True)  # red where it hurts: the ViZDoom of 2018 knew no other way
    doom.set_available_buttons([vizdoom.Button.MOVE_LEFT, vizdoom.Button.MOVE_RIGHT])
    doom.set_episode_start_time(START)
    doom.set_episode_timeout(TIMEOUT)
    doom.set_living_reward(1)
    doom.set_death_penalty(0)
    doom.set_window_visible(False)
    doom.set_sound_enabled(False)
    doom.set_mode(vizdoom.Mode.PLAYER)
    doom.set_doom_config_path("/dev/null")  # read at its start, written at its end
    with tempfile.TemporaryDirectory(prefix="doom-") as folder:
        script = Path(folder) / "start"
        script.write_text(_SCRIPT.format(folder=shlex.quote(folder), program=shlex.quote(str(_PROGRAM))))
        script.chmod(0o700)
        if not os.access(script, os.X_OK):  # where its program does not start, ViZDoom's library crashes
            raise UserError(f"programs in {Path(folder).parent} may not run: set TMPDIR to a folder where they may")
        doom.set_vizdoom_path(str(script))
        doom.init()
        pid, *words = (Path(folder) / "started").read_text().split()
    name = words[words.index("+viz_instance_id") + 1]
    for kind in ("SM", "MQCtr", "MQDoom"):
        Path(f"/dev/shm/ViZDoom{kind}{name}").unlink(missing_ok=True)
    return doom, int(pid)
