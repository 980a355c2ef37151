"""Watching the agent, in its environment or in its own dream: in a window, or in a video file."""

import contextlib
import dataclasses
import functools
import itertools

from tqdm import tqdm

from worldmodels.parallel.threads import limit_threads
from worldmodels.playing.person import read_keys
from worldmodels.playing.video import check_video, side_by_side, write_video
from worldmodels.playing.window import Window, need_display
from worldmodels.rollout import Job, run_episodes


class Closed(Exception):
    """The person closed the window."""


def check_screen(video):
    """UserError, before anything is loaded, if the video cannot be written, or without one if there is no display."""
    if video:
        check_video(video)
    else:
        need_display("add --video FILE.mp4 to write a video instead")


@contextlib.contextmanager
def open_screen(video, title, fps):
    """Yield show(picture): into the video file, or else into a window. Its closing ends the block, and no more."""
    if video:
        with write_video(video, fps) as write:
            yield write
        print(f"wrote {video}")
        return
    window = Window(title, fps)

    def show(picture):
        window.show(picture)
        if read_keys(set()) == "quit":
            raise Closed

    try:
        yield show
    except Closed:
        pass
    finally:
        window.close()


def watch(
    task,
    controller,
    *,
    dream,
    episodes,
    seed,
    slots,
    video,
    frames,
    weights=None,
    precision="float32",
    z=None,
    temperature=None,
):
    """Play `episodes` episodes from `seed` on, one after the other, and show them; print each score.

    controller: a file of parameters of C. slots: each episode is the very one that `evaluate` scores with so many,
    although only one plays. video: a file, or None for a window. frames: of an episode at most, or None for
    all. weights, precision, z, temperature: as in load_world.
    """
    limit_threads()
    task = dataclasses.replace(task, make_env=functools.partial(task.make_env, render_mode="rgb_array"))
    from worldmodels.playing.worlds import load_world

    how = {"weights": weights, "precision": precision, "z": z, "temperature": temperature}
    world, trained = load_world(task, controller, 1, dream=dream, like=slots, **how)
    world.max_steps = min(frames or task.max_steps, task.max_steps)
    title, total = f"{task.name}: the dream" if dream else task.name, episodes * world.max_steps
    print(f"V and M of {trained.folder}")
    with open_screen(video, title, task.fps) as show, tqdm(total=total, unit="frame") as progress:
        panels = dream_panels(trained) if dream else environment_panels(world, trained)

        def show_frame(counter, slot, observation, action):
            frame = f"frame {next(counter)}: action {' '.join(f'{value:+.2f}' for value in action)}"
            show(side_by_side(panels(observation, frame)))
            progress.update()

        for number in range(seed, seed + episodes):
            world.watch = functools.partial(show_frame, itertools.count())
            for episode in run_episodes(world, [Job(number, trained.params)]):
                words = f"dreamt {episode.steps}" if dream else f"{episode.score:.1f} after {episode.steps}"
                tqdm.write(f"seed {number}: {words} frames")


def environment_panels(world, trained):
    """The game, what V sees and what V makes of it. frame: words on what is done in it."""
    from worldmodels.dream import decode

    def panels(observation, frame):
        seen = decode(trained.vae, world.agent.z[:1])[0]
        return [(frame, world.envs[0].render()), ("what V sees", observation), ("what V makes of it", seen)]

    return panels


def dream_panels(trained):
    """What V makes of the dream."""
    from worldmodels.dream import decode

    dream = f"temperature {trained.temperature:g}"
    return lambda z, frame: [(f"{dream}, {frame}", decode(trained.vae, z[None])[0])]
