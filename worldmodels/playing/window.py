"""A window and a keyboard: where a person watches, or plays."""

import itertools
import os
import random
import sys

import numpy as np

from worldmodels.scripts.cli import UserError, non_negative_int

INVISIBLE = ("dummy", "offscreen", "evdev")  # SDL falls back on these without a word


def need_display(instead):
    """UserError if no window can be opened here. instead: what to do about it, the end of the message.

    A driver that SDL_VIDEODRIVER asks for is taken as it is, "dummy" too.
    """
    asked_for = os.environ.get("SDL_VIDEODRIVER")
    if not asked_for and sys.platform not in ("darwin", "win32"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError(f"no display: {instead}")
    pygame = _pygame()
    try:
        pygame.display.init()
    except pygame.error as error:
        raise UserError(f"no display ({error}): {instead}") from None
    if not asked_for and pygame.display.get_driver() in INVISIBLE:
        pygame.display.quit()
        raise UserError(f"no display that answers: {instead}")


class Window:
    """Shows pictures (H, W, 3) uint8, at most `fps` a second; opens with the first one."""

    def __init__(self, title, fps):
        self.title, self.fps, self.screen = title, fps, None

    def show(self, picture):
        pygame = _pygame()
        if self.screen is None:
            need_display('pictures alone come without one, with render_mode="rgb_array"')
            pygame.display.init()
            pygame.display.set_caption(self.title)
            self.screen = pygame.display.set_mode(picture.shape[1::-1])
            self.clock = pygame.time.Clock()
        pygame.surfarray.blit_array(self.screen, np.swapaxes(picture, 0, 1))
        pygame.event.pump()
        pygame.display.flip()
        self.clock.tick(self.fps)

    def close(self):
        if self.screen is not None:
            _pygame().display.quit()
            self.screen = None


def read_keys(held):
    """Bring `held`, the set of names of the keys that are down, up to date.

    Returns "quit" after Esc or the window's closing, "restart" after R or enter, else None.
    """
    pygame, wish = _pygame(), None
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            return "quit"
        if event.type == pygame.KEYUP:
            held.discard(pygame.key.name(event.key))
        if event.type == pygame.KEYDOWN:
            name = pygame.key.name(event.key)
            held.add(name)
            if name == "escape":
                return "quit"
            if name in ("r", "return"):
                wish = "restart"
    return wish


def play_script(parser, make_env, action_of, max_steps):
    """The main() of a script in which a person plays: parses its options, and plays until the person has had enough.

    parser: with the script's own options, to which --seed is added. make_env(options) -> env; the rest as in play().
    """
    add = parser.add_argument
    add("--seed", type=non_negative_int, help="of the first episode, the others follow; at random if not given")
    options = parser.parse_args()
    need_display("playing takes a window and a keyboard")
    first = random.randrange(2**31) if options.seed is None else options.seed
    env = make_env(options)
    play(env, action_of, itertools.count(first), max_steps)
    env.close()


def left_or_right(held):
    """The action_of of a game with one action: (1,) float32, -1 with the left key, 1 with the right one, else 0."""
    return np.array([float("right" in held) - float("left" in held)], np.float32)


def play(env, action_of, seeds, max_steps):
    """Let a person play a Gymnasium environment in render mode "human", one episode a seed; print each score.

    action_of(held): the action for a set of held keys' names ("left", "up", ...).
    R or enter goes on to the next episode, Esc or closing the window ends.
    """
    for seed in seeds:
        env.reset(seed=seed)
        held, wish, score, steps, ended = set(), None, 0.0, 0, False
        while not ended and wish is None:
            _, reward, terminated, truncated, _ = env.step(action_of(held))
            score += reward
            steps += 1
            ended = terminated or truncated or steps >= max_steps
            wish = read_keys(held)
        print(f"score {score:.1f} after {steps} frames", flush=True)
        if wish == "quit":
            return


def _pygame():
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    return pygame
