"""At which resolution should ViZDoom draw, if the agent sees 64x64 pixels of it? Speed, frames and far fireballs.

    python benchmarks/doom_resolution.py

The same episodes at each resolution. What matters in Take Cover is to see a fireball while it is far away. ViZDoom's
labels say where there is one. Its contrast is how much its pixels differ from their surroundings in the 64x64 frame.
docs/doom_resolution.png shows the smallest ones. The resolutions take turns; look at the ratios.
"""

import contextlib
import statistics
import tempfile
import timeit

import numpy as np
import vizdoom
from backends import RESULTS
from env import gymnasium_contestant
from PIL import Image, ImageDraw

from doomrnn.env import SIZE, DoomTakeCover
from doomrnn.game import set_up
from doomrnn.task import DOOM
from worldmodels.data.policies import HeldActions
from worldmodels.files.provenance import origin
from worldmodels.files.writing import atomic_path, save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import Parser, non_negative_int, positive_int, run

RESULT = RESULTS / "benchmark_doom_resolution.json"
PICTURE = RESULTS.parent / "docs" / "doom_resolution.png"
REFERENCE = "640x480"
HEALTH = vizdoom.GameVariable.HEALTH
RESOLUTIONS = {REFERENCE: 1, "320x240": 3, "160x120": 8}  # and how many steps each takes while the first takes one
FAR = 16  # a fireball is far if it is at most so many of 640 pixels wide, which is 1.6 of 64; next to the imp it is 10
MARGIN = 5  # pixels of 64 that have to be around it
ENLARGED, MOMENTS = 4, 4


def labelled_game():
    """A game of our own that says which objects are in the picture, and where."""
    game = vizdoom.DoomGame()
    set_up(game, REFERENCE)
    game.set_labels_buffer_enabled(True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # ViZDoom makes a folder where it starts
        game.init()
    return game


def recorded_episodes(env, seeds):
    """The Episodes, with their Frames, of the player of extract.py."""
    world = Environments([env], HeldActions(DOOM), DOOM.max_steps, record=True)
    return run_episodes(world, [Job(seed) for seed in seeds])


def random_episodes(env, seeds):
    """{seed: actions (T, 1)} of the player of extract.py."""
    return {e.job.seed: e.frames.actions for e in recorded_episodes(env, seeds)}


def watch(labelled, envs, seed, actions):
    """Play an episode in all environments at once, and in the labelled game.

    Yields at each step: frames (E, 64, 64, 3), and the labelled game's state. Checks that rewards, health and endings
    agree.
    """
    frames, ended = [env.reset(seed=seed)[0] for env in envs], False
    labelled.set_seed(envs[0]._seed)
    labelled.new_episode()
    for action in actions:
        yield np.array(frames, int), labelled.get_state()
        frames, *rest = zip(*(env.step(action) for env in envs), strict=True)
        labelled.make_action(envs[0]._actions[-1])
        health = {env.game.ask("get_game_variable", HEALTH) for env in envs} | {labelled.get_game_variable(HEALTH)}
        assert len(health) == 1 and all(len(set(map(str, values))) == 1 for values in rest), "not the same episode"
        ended = rest[1][0] or rest[2][0]
    assert ended


def far_fireballs(state):
    """[(visible pixels of 640x480, x, y)], x and y in pixels of the 64x64 frame."""
    found = []
    for label in state.labels:
        x, y = (label.x + label.width / 2) / 10, (label.y + label.height / 2) / 6.25
        inside = min(x, y) >= MARGIN and max(x, y) < SIZE - MARGIN
        if label.object_name == "DoomImpBall" and label.width <= FAR and inside:
            found.append((int((state.labels_buffer == label.value).sum()), int(x), int(y)))
    return [fireball for fireball in found if fireball[0] >= 50]  # others are mostly hidden


def contrast(frame, x, y):
    """How much the most different of the 3x3 pixels around (x, y) differs from the median of the 9x9."""
    background = np.median(frame[y - 4 : y + 5, x - 4 : x + 5], (0, 1))
    return np.abs(frame[y - 1 : y + 2, x - 1 : x + 2] - background).max()


def speeds(envs, episodes, steps):
    """{resolution: steps/s}, resets included."""
    contestants = {r: gymnasium_contestant(env, episodes) for r, env in envs.items()}
    for _ in range(0, steps, 20):
        for resolution, share in RESOLUTIONS.items():
            contestants[resolution].play(20 * share)
    return {r: c.steps / c.seconds for r, c in contestants.items()}


def draw(moments):
    """moments: [(frames (E, 64, 64, 3), x, y)], one column each; the fireball is inside the white frame."""
    side = SIZE * ENLARGED
    picture = Image.new("RGB", (len(moments) * (side + 4) - 4, len(RESOLUTIONS) * (side + 16)), "white")
    pen = ImageDraw.Draw(picture)
    for row, resolution in enumerate(RESOLUTIONS):
        top = row * (side + 16) + 14
        pen.text((2, top - 13), f"drawn at {resolution}", "black")
        for column, (frames, x, y) in enumerate(moments):
            left = column * (side + 4)
            frame = Image.fromarray(frames[row].astype(np.uint8))
            picture.paste(frame.resize((side, side), Image.Resampling.NEAREST), (left, top))
            box = [
                left + (x - 3) * ENLARGED,
                top + (y - 3) * ENLARGED,
                left + (x + 4) * ENLARGED,
                top + (y + 4) * ENLARGED,
            ]
            pen.rectangle(box, outline="white")
    with atomic_path(PICTURE) as temporary:
        picture.save(temporary, optimize=True)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=6, help="episodes to compare")
    parser.add_argument(
        "--steps", type=positive_int, default=1000, help="steps to time at 640x480; the others take more"
    )
    parser.add_argument("--seed", type=non_negative_int, default=0, help="of the first episode")
    compare(**vars(parser.parse_args()))


def compare(*, episodes, steps, seed):
    limit_threads()
    envs = {resolution: DoomTakeCover(resolution=resolution) for resolution in RESOLUTIONS}
    episodes = random_episodes(envs["160x120"], range(seed, seed + episodes))
    labelled = labelled_game()
    differences, contrasts, smallest = [], [], {}
    for number, actions in episodes.items():
        for frames, state in watch(labelled, list(envs.values()), number, actions):
            differences.append(np.abs(frames - frames[0]).mean((1, 2, 3)))
            for pixels, x, y in far_fireballs(state):
                contrasts.append([contrast(frame, x, y) for frame in frames])
                if pixels < smallest.get(number, (np.inf,))[0]:
                    smallest[number] = pixels, frames, x, y
    moments = sorted(smallest.values(), key=lambda moment: moment[0])[:MOMENTS]
    draw([moment[1:] for moment in moments])

    per_second = speeds(envs, episodes, steps)
    contrasts, results = np.array(contrasts), {}
    for i, (resolution, env) in enumerate(envs.items()):
        results[resolution] = {
            "steps_per_second": per_second[resolution],
            "times_640x480": per_second[resolution] / per_second[REFERENCE],
            "microseconds_to_shrink": 1e5 * statistics.median(timeit.repeat(env._observe, number=10, repeat=30)),
            "mean_difference": np.mean(differences, 0)[i],
            "fireball_contrast": contrasts[:, i].mean(),
            "fireball_contrast_10_percent": np.percentile(contrasts[:, i], 10),
            "fireballs_of_less_than_half_the_contrast": (contrasts[:, i] < contrasts[:, 0] / 2).mean(),
        }
        print(resolution, " ".join(f"{name} {value:.3g}" for name, value in results[resolution].items()))
    frames = {"episodes": len(episodes), "frames": len(differences), "far_fireballs": len(contrasts)}
    save_json(RESULT, {**origin(), **frames, "resolutions": results}, indent=1)


if __name__ == "__main__":
    run(main)
