"""Take Cover with the 2018 code's settings, and the process that plays it, which process.py starts."""

import contextlib
import os
import pickle
import socket
import sys
from pathlib import Path

import numpy as np
import vizdoom

START = 14  # the tic at which the player takes over; the timeout counts from there
TIMEOUT = 2100  # tics
SKILL = 4  # the scenario's own; the 2018 code asks for 5, which in today's ViZDoom is far harder than what it played
LEFT, STAY, RIGHT = [1, 0], [0, 0], [0, 1]


def set_up(doom, resolution):
    """Give a vizdoom.DoomGame the game's settings. resolution: "160x120"."""
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


class Player(vizdoom.DoomGame):
    """What process.Game asks for. The frame goes into `screen`, a file that both map into their memory."""

    def start(self, resolution):
        set_up(self, resolution)
        self.set_vizdoom_path(str(Path("start").resolve()))
        self.init()
        self.screen = np.memmap("screen", np.uint8, "r+", shape=(self.get_screen_height(), self.get_screen_width(), 3))

    def begin(self, seed):
        """Begin an episode. Returns what tic() does."""
        self.set_seed(seed)
        self.new_episode()
        return self._now(0.0)

    def tic(self, buttons):
        """Returns: is there a frame, the reward, has the episode ended, is the player dead."""
        return self._now(self.make_action(buttons))

    def _now(self, reward):
        if state := self.get_state():
            self.screen[:] = state.screen_buffer
        return state is not None, reward, self.is_episode_finished(), self.is_player_dead()


def main():
    """Call the methods of a Player that process.Game names, until that is gone. argv: the socket between the two."""
    player, game = Player(), socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(game.fileno(), False)  # in ViZDoom's hands it would stay open when we die
    with contextlib.suppress(OSError):  # it may go at any moment
        while question := game.recv(1 << 16):
            method, args = pickle.loads(question)
            try:
                answer = getattr(player, method)(*args), None
            except Exception as error:
                answer = None, f"{type(error).__name__}: {error}"
            game.send(pickle.dumps(answer))


if __name__ == "__main__":
    main()
