"""Pictures, video files, windows and keys; the windows on SDL's dummy driver."""

import resource
import signal
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
from scripts import ROOT, TIMEOUT, Scripts, wait_for

from carracing import env as car_env
from carracing.task import CARRACING
from worldmodels.playing import person, watch, window
from worldmodels.playing.video import side_by_side, write_video
from worldmodels.scripts.cli import UserError

RED, BLUE = (np.tile(np.uint8(color), (120, 90, 1)) for color in ((255, 0, 0), (0, 0, 255)))


@pytest.fixture
def dummy_display(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    import pygame

    pygame.display.init()
    pygame.event.clear()
    yield pygame
    pygame.quit()


def show(agent, video, dream):
    """Six frames of one episode."""
    how = {"slots": 2, "weights": agent.weights, "precision": "float32", "z": None, "temperature": None}
    watch.watch(CARRACING, agent.best, dream=dream, episodes=1, seed=5, video=video, frames=6, **how)


def test_small_pictures_are_enlarged_beside_a_large_one():
    small = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    large = np.full((400, 600, 3), 7, np.uint8)
    picture = side_by_side([("the game", large), ("what V sees", small)])
    assert picture.shape == (24 + 400 + 8, 600 + 384 + 4 * 8, 3) and picture.dtype == np.uint8
    assert (picture[24:424, 8:608] == 7).all()
    np.testing.assert_array_equal(picture[32:416:6, 624:1008:6], small)
    assert picture[:24].max() == 255  # the captions


@pytest.mark.parametrize(("suffix", "frames", "scale"), [(".mp4", 40, 1), (".gif", 20, 2)])
def test_video_is_written_and_readable(suffix, frames, scale, tmp_path):
    path = tmp_path / f"video{suffix}"
    with write_video(path, 50) as write:
        for i in range(40):
            write(RED if i < 20 else BLUE)
    video = iio.imread(path)
    assert video.shape == (frames, 120 // scale, 90 // scale, 3)
    np.testing.assert_allclose(video[0].mean((0, 1)), (255, 0, 0), atol=8)
    np.testing.assert_allclose(video[-1].mean((0, 1)), (0, 0, 255), atol=8)
    assert list(tmp_path.iterdir()) == [path]


def test_no_half_video_is_left_when_the_block_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), write_video(tmp_path / "video.mp4", 50) as write:
        write(RED)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_ffmpeg_that_dies_is_an_error_in_one_line(tmp_path):
    """As on a full disk: no process may write more than 20 kB into a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 256, (20, 240, 320, 3), np.uint8)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        raises = pytest.raises(UserError, match=r"cannot write .*video\.mp4: ffmpeg")
        with raises as error, write_video(tmp_path / "video.mp4", 50) as write:
            for picture in noise:
                write(picture)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_unknown_format_and_unwritable_folder_are_errors(tmp_path):
    with pytest.raises(UserError, match=r"has to end in \.mp4 or \.gif"), write_video(tmp_path / "video.avi", 50):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="there is no folder"), write_video(tmp_path / "file" / "v.mp4", 50):
        pass


def test_agent_is_shown_as_game_view_and_reconstruction(untrained, tmp_path, capsys):
    show(untrained, tmp_path / "agent.mp4", dream=False)
    video = iio.imread(tmp_path / "agent.mp4")
    assert video.shape == (6, 432, 1416, 3)
    which, score, _ = capsys.readouterr().out.splitlines()
    assert which == f"V and M of {untrained.weights}"
    assert score.startswith("seed 5: ") and score.endswith(" after 6 frames")
    first = CARRACING.make_env().reset(seed=5)[0]
    seen = video[0][32:416, 624:1008].reshape(64, 6, 64, 6, 3).mean((1, 3))
    np.testing.assert_allclose(seen, first, atol=25)  # video compresses


def test_dream_is_shown_as_v_decodes_it(untrained, tmp_path, capsys):
    show(untrained, tmp_path / "dream.gif", dream=True)
    assert iio.imread(tmp_path / "dream.gif").shape == (3, 216, 200, 3)
    assert "seed 5: dreamt 6 frames" in capsys.readouterr().out


def test_interrupted_dream_leaves_no_video(untrained, tmp_path):
    command = [sys.executable, "dream_model.py", untrained.best, "--weights", untrained.weights]
    process = subprocess.Popen(
        [*command, "--video", tmp_path / "dream.mp4"],
        cwd=ROOT / "carracing",
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background shell ignores it
    )
    wait_for(lambda: any(tmp_path.iterdir()), process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("display", [None, ":987"])
def test_without_a_display_driving_is_refused_in_one_line(display, tmp_path, no_display, monkeypatch):
    if display:
        monkeypatch.setenv("DISPLAY", display)
    assert "error: no display" in Scripts("carracing").error_of(tmp_path, "env.py")


def test_window_shows_the_picture(dummy_display):
    screen = window.Window("title", 1000)
    screen.show(RED)
    assert dummy_display.display.get_surface().get_size() == (90, 120)
    assert dummy_display.display.get_surface().get_at((10, 20))[:3] == (255, 0, 0)
    screen.close()


def test_closing_the_window_ends_without_an_error(dummy_display):
    watch.check_screen(None)
    with watch.open_screen(None, "title", 1000) as show:
        show(RED)
        dummy_display.event.post(dummy_display.event.Event(dummy_display.QUIT))
        show(RED)
        pytest.fail("goes on after the window was closed")


def test_the_keys_of_a_game_with_one_action():
    held = ({"left"}, {"right"}, {"left", "right"}, {"up"})
    assert [person.left_or_right(keys).tolist() for keys in held] == [[-1], [1], [0], [0]]


def test_person_drives_with_the_arrow_keys(dummy_display, monkeypatch, capsys):
    """Keys at given frames: up; up and left; neither but down; R for the next track; Esc."""
    pg = dummy_display
    presses = {1: [(pg.KEYDOWN, pg.K_UP)], 2: [(pg.KEYDOWN, pg.K_LEFT)], 4: [(pg.KEYDOWN, pg.K_r)]}
    presses[3] = [(pg.KEYUP, pg.K_UP), (pg.KEYUP, pg.K_LEFT), (pg.KEYDOWN, pg.K_DOWN)]
    presses[6] = [(pg.KEYDOWN, pg.K_ESCAPE)]
    actions, seeds = [], []

    class Recorded(car_env.CarRacing):
        def reset(self, seed):
            seeds.append(seed)
            return super().reset(seed=seed)

        def step(self, action):
            if action is not None:
                actions.append(action.round(2).tolist())
                for kind, key in presses.get(len(actions), ()):
                    pg.event.post(pg.event.Event(kind, key=key))
            return super().step(action)

    monkeypatch.setattr(car_env, "CarRacing", Recorded)
    monkeypatch.setattr(sys, "argv", ["env.py", "--seed", "3"])
    car_env.main()
    assert [[round(x, 2) for x in action] for action in actions] == [
        [0, 0, 0],
        [0, 1, 0],
        [-1, 1, 0],
        [0, 0, 0.8],
        [0, 0, 0],
        [0, 0, 0],
    ]
    assert seeds == [3, 4]
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("score ") and first.endswith(" after 4 frames") and second.endswith(" after 2 frames")
