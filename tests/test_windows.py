"""Every window, on an X server that draws in software: it has to show the picture that it should show.

Scripts that have loaded TensorFlow are among them, which would crash if SDL drew through Mesa.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageGrab
from scripts import TIMEOUT, Scripts

from carracing.env import CarRacing
from carracing.task import CARRACING
from doomrnn.dream_env import DoomDream
from doomrnn.env import DoomTakeCover
from doomrnn.task import DOOM
from worldmodels.playing import watch
from worldmodels.task import Task

pytestmark = pytest.mark.skipif(not shutil.which("Xvfb"), reason="no Xvfb (Debian's package xvfb), so no real windows")

SEED, FRAMES = 3, 40
TOLERANCE = 6  # mean difference to the closest of the pictures, of 255


def untouched(make_env, action):
    """The pictures of an episode in which nobody touches a key."""
    env = make_env()
    env.reset(seed=SEED)
    for _ in range(FRAMES):
        yield env.render()
        env.step(action)
    env.close()


def watched(task, dream):
    """The pictures of an episode of the shipped agent."""
    pictures = []
    how = {"weights": None, "precision": "float32", "z": None, "temperature": 1.0 if dream else None, "slots": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "open_screen", lambda *_: contextlib.nullcontext(pictures.append))
        watch.watch(task, task.shipped, dream=dream, episodes=1, seed=SEED, video=None, frames=FRAMES, **how)
    return pictures


def show(task, *words):
    """The words of a script that shows the shipped agent."""
    return (*words, task.shipped, "--seed", SEED, "--frames", FRAMES)


class Window(NamedTuple):
    """A script with a window."""

    task: Task
    words: tuple  # its command
    pictures: Callable  # () -> (H, W, 3) uint8 each: those that it should begin with
    size: tuple | None = None  # (width, height), where the window is larger than the picture


WINDOWS = {
    "drive": Window(
        CARRACING,
        ("env.py", "--seed", SEED),
        lambda: untouched(lambda: CarRacing("rgb_array"), np.zeros(3)),
        (1000, 800),
    ),
    "watch the car": Window(
        CARRACING, (*show(CARRACING, "model.py", "render"), "--slots", 1), lambda: watched(CARRACING, dream=False)
    ),
    "the car's dream": Window(CARRACING, show(CARRACING, "dream_model.py"), lambda: watched(CARRACING, dream=True)),
    "play Doom": Window(
        DOOM, ("env.py", "--seed", SEED), lambda: untouched(lambda: DoomTakeCover("rgb_array", "640x480"), np.zeros(1))
    ),
    "play Doom's dream": Window(
        DOOM,
        ("dream_env.py", "--seed", SEED),
        lambda: untouched(lambda: DoomDream(render_mode="rgb_array"), np.zeros(1)),
    ),
    "watch Doom": Window(
        DOOM, (*show(DOOM, "model.py", "doomreal", "render"), "--slots", 1), lambda: watched(DOOM, dream=False)
    ),
    "watch Doom's dream": Window(
        DOOM, (*show(DOOM, "model.py", "doomrnn", "render"), "--temperature", 1), lambda: watched(DOOM, dream=True)
    ),
}


@pytest.fixture
def display(monkeypatch):
    """The name of an X server of our own, on which scripts open their windows."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1600x1200x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    name = f":{server.stdout.readline().strip()}"
    monkeypatch.setenv("DISPLAY", name)
    for variable in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(variable, raising=False)
    yield name
    server.terminate()
    server.wait()


def seen(display, size, shape):
    """What is in the middle of the screen, where SDL puts a window of that size; brought to (height, width)."""
    screen = ImageGrab.grab(xdisplay=display)
    left, top = (screen.width - size[0]) // 2, (screen.height - size[1]) // 2
    shown = screen.crop((left, top, left + size[0], top + size[1]))
    return np.asarray(shown.resize(shape[::-1], Image.Resampling.BOX), np.float32)


@pytest.mark.parametrize("name", WINDOWS)
def test_window_shows_the_picture(name, display, tmp_path):
    window = WINDOWS[name]
    expected = np.stack(list(window.pictures()))  # (N, H, W, 3)
    shape, expected = expected.shape[1:3], expected[:, ::4, ::4].astype(np.float32)
    process = Scripts(window.task.folder.name).start(tmp_path, *window.words)
    closest, deadline = np.inf, time.monotonic() + TIMEOUT
    while closest > TOLERANCE and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)  # most of the time nothing is there yet
        shown = seen(display, window.size or shape[::-1], shape)[::4, ::4]
        closest = min(closest, *(np.abs(picture - shown).mean() for picture in expected))
    process.terminate()
    out, err = process.communicate()
    assert closest <= TOLERANCE, f"exit code {process.returncode}, closest picture off by {closest}\n{out}\n{err}"
