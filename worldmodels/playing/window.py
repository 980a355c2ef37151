"""A window that shows pictures."""

import os
import sys

import numpy as np

from worldmodels.scripts.cli import UserError
from worldmodels.scripts.streams import quiet_stderr

INVISIBLE = ("dummy", "offscreen", "evdev")  # SDL falls back on these without a word


def need_display(instead):
    """UserError if no window can be opened here. instead: what to do about it, the end of the message.

    A driver that SDL_VIDEODRIVER asks for is taken as it is, "dummy" too.
    """
    asked_for = os.environ.get("SDL_VIDEODRIVER")
    if not asked_for and sys.platform not in ("darwin", "win32"):
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError(f"no display: {instead}")
    pygame = load_pygame()
    try:
        with quiet_stderr():  # the libraries of the displays that SDL tries have their own words for it
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
        pygame = load_pygame()
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
            load_pygame().display.quit()
            self.screen = None


def load_pygame():
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    # With Mesa's software driver SDL would draw through OpenGL, whose LLVM stumbles over TensorFlow's and crashes.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    import pygame

    return pygame
