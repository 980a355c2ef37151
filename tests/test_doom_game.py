"""The real Take Cover: ViZDoom with the reference's settings, episodes decided by seed and actions, and their files."""

import contextlib
import dataclasses
import functools
import json
import os
import tempfile

import gymnasium
import numpy as np
import pytest
import vizdoom
from doom import episode, same, some_actions
from gymnasium.envs.classic_control import Continuous_MountainCarEnv
from gymnasium.utils.env_checker import check_env
from scripts import Scripts, kill_when

import doomrnn.extract
from doomrnn.env import MAX_STEPS, DoomTakeCover
from doomrnn.task import DOOM
from worldmodels.data import extraction
from worldmodels.data.policies import HeldActions
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import UserError

SCRIPTS = Scripts("doomrnn")
run, start, error_of = SCRIPTS.run, SCRIPTS.start, SCRIPTS.error_of
LEFT, STAY, RIGHT = np.float32([[-1], [0], [1]])
SETTINGS = """
doom_map = map01
doom_skill = 4
living_reward = 1
screen_resolution = RES_640X480
screen_format = RGB24
render_hud = true
render_crosshair = false
render_weapon = false
render_decals = false
render_particles = false
window_visible = false
episode_start_time = 14
episode_timeout = 2100
available_buttons = { MOVE_LEFT MOVE_RIGHT }
mode = PLAYER
"""


def test_the_game_is_the_scenario_with_the_settings_of_the_reference(tmp_path):
    """The same settings, written down as ViZDoom's own configuration file, give the same pictures and rewards."""
    config = tmp_path / "take_cover.cfg"
    config.write_text(SETTINGS)
    game = vizdoom.DoomGame()
    game.load_config(str(config))
    game.set_doom_scenario_path(os.path.join(vizdoom.scenarios_path, "take_cover.wad"))
    game.set_doom_config_path(os.devnull)
    env = DoomTakeCover(render_mode="rgb_array", resolution="640x480")
    env.reset(seed=3)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # ViZDoom makes a folder where it starts
        game.init()
    game.set_seed(env._seed)
    game.new_episode()
    steps = 0
    for action in some_actions(3):
        assert (env.render() == game.get_state().screen_buffer).all()
        reward = game.make_action([int(action[0] < -1 / 3), int(action[0] > 1 / 3)])
        _, ours, terminated, _, _ = env.step(action)
        steps += 1
        assert ours == reward == 1 and terminated == game.is_episode_finished()
        if terminated:
            break
    assert steps == game.get_total_reward() > 50
    game.close()


def test_the_hud_is_drawn_below_the_rows_that_are_seen():
    env = DoomTakeCover(render_mode="rgb_array", resolution="640x480")
    env.reset(seed=0)
    red, green, blue = np.moveaxis(env.render().astype(int), -1, 0)
    digits = (red > 130) & (green < 60) & (blue < 60)  # health and armour are written in red
    assert digits[400:].sum() > 500
    assert digits[200:400].sum() == 0


def test_no_episode_is_longer_than_2100_steps_of_reward_1():
    env = DoomTakeCover()
    env.reset(seed=0)
    env.game.ask("send_game_command", "god")  # nothing hurts
    rewards, ended = [], False
    while not ended:
        _, reward, terminated, ended, _ = env.step(STAY)
        rewards.append(reward)
        assert not terminated
    assert rewards == [1] * 2100


def test_death_terminates_the_episode_with_a_reward_of_1():
    env = DoomTakeCover()
    observations, rewards = episode(env, 1, some_actions(1))
    assert env.game.ask("is_player_dead") and set(rewards) == {1}
    assert (observations[-1] == observations[-2]).all()  # ViZDoom has no picture of the end


def test_random_players_live_about_as_long_as_the_reference_says():
    """194 +- 84 tics at skill 4; at skill 5 it would be 53 to 83."""
    env = DoomTakeCover()
    lengths = [len(episode(env, seed, some_actions(seed))[1]) for seed in range(20)]
    assert 150 < np.mean(lengths) < 260


def test_actions_are_cut_in_thirds():
    env = DoomTakeCover()

    def moved(action):
        """How far to the player's left some steps lead."""
        env.reset(seed=0)
        x, y, angle = place()
        for _ in range(10):
            env.step(np.float32([action]))
        dx, dy, _ = np.subtract(place(), (x, y, angle))
        return -np.sin(np.radians(angle)) * dx + np.cos(np.radians(angle)) * dy

    def place():
        variables = vizdoom.GameVariable.POSITION_X, vizdoom.GameVariable.POSITION_Y, vizdoom.GameVariable.ANGLE
        return [env.game.ask("get_game_variable", variable) for variable in variables]

    assert moved(-0.34) == moved(-1) > 10
    assert moved(-0.33) == moved(0) == moved(0.33) == 0
    assert moved(0.34) == moved(1) < -10


def triangle_weights(size):
    """(64, size): each of 64 pixels is a mean of those up to one pixel away, weighted by closeness."""
    scale = size / 64
    centres, pixels = (np.arange(64) + 0.5) * scale, np.arange(size) + 0.5
    weights = np.maximum(0, 1 - np.abs(pixels - centres[:, None]) / scale)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("resolution", ["640x480", "160x120"])
def test_the_observation_is_the_part_above_the_hud_shrunk_smoothly(resolution):
    env = DoomTakeCover(render_mode="rgb_array", resolution=resolution)
    env.reset(seed=0)
    for action in some_actions(0, 60):
        observation, *_ = env.step(action)
    frame = env.render()
    assert f"{frame.shape[1]}x{frame.shape[0]}" == resolution
    view = frame[: frame.shape[0] * 5 // 6].astype(float)
    rows = np.tensordot(triangle_weights(view.shape[0]), view, 1)  # (64, W, 3)
    expected = triangle_weights(view.shape[1]) @ rows
    assert observation.dtype == np.uint8 and np.abs(observation - expected).max() <= 1.5  # Pillow rounds twice


def test_gymnasium_makes_it_and_check_env_passes(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make("WorldModels/DoomTakeCover-v0", render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


def test_an_episode_depends_on_its_seed_and_actions_alone():
    env = DoomTakeCover()
    first = episode(env, 7, some_actions(7))
    episode(env, 8, some_actions(8))
    episode(env, 9, some_actions(9, 20))  # left before its end
    assert same(episode(env, 7, some_actions(7)), first)
    assert same(episode(DoomTakeCover(), 7, some_actions(7)), first)
    assert not same(episode(env, 8, some_actions(7)), first)
    assert not same(episode(env, 7, some_actions(8)), first)


def test_games_side_by_side_do_not_disturb_each_other():
    one, other = DoomTakeCover(), DoomTakeCover()
    alone = episode(one, 1, some_actions(1, 90)), episode(one, 2, some_actions(2, 90))
    one.reset(seed=1), other.reset(seed=2)
    for t in range(80):
        for env, number in ((one, 1), (other, 2)):
            assert (env.step(some_actions(number)[t])[0] == alone[number - 1][0][t + 1]).all()


def test_random_actions_are_held_for_1_to_10_steps():
    policy = HeldActions(DOOM, 2)
    policy.start(0, Job(0)), policy.start(1, Job(1))
    actions = np.array([policy.act(np.array([0, 1]), None) for _ in range(5000)])  # (5000, 2, 1)
    assert actions.dtype == np.float32 and (actions == actions.astype(np.float16)).all()
    lengths = np.diff(np.flatnonzero(np.diff(actions[:, 0, 0], prepend=np.nan)))
    assert sorted(set(lengths)) == list(range(1, 11))
    assert np.bincount(lengths)[1:].min() > 60  # of about 90 each
    assert np.histogram(actions, 4, (-1, 1))[0].min() > 2000  # of about 2,500 each
    policy.start(1, Job(0))
    again = np.array([policy.act(np.array([1]), None) for _ in range(5000)])
    assert (again[:, 0] == actions[:, 0]).all()  # an episode's actions depend on its seed alone


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which extract.py has been killed, and run again to its end."""
    folder = tmp_path_factory.mktemp("doomrnn")
    killed = start(folder, "extract.py", "--episodes", 8, "--workers", 1)
    kill_when(killed, lambda: len(list(folder.glob("record/[0-9]*.npz"))) >= 3)
    files = sorted(folder.glob("record/[0-9]*.npz"))
    files[0].write_bytes(files[0].read_bytes()[:1000])  # damaged
    before = {path: path.stat().st_mtime_ns for path in files[1:]}
    output = run(folder, "extract.py", "--episodes", 8, "--workers", 2)
    assert f"{len(before)} of 8 episodes are in record already" in output and "of the episodes played were" in output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    return folder


def test_rollouts_have_the_layout_of_the_reference(folder):
    assert sorted(path.name for path in folder.glob("record/*.npz")) == [f"{k}.npz" for k in range(8)]
    assert not list(folder.glob("record/.*"))
    for k in range(8):
        with np.load(folder / "record" / f"{k}.npz") as data:
            steps = len(data["obs"])
            assert data["obs"].shape == (steps, 64, 64, 3) and data["obs"].dtype == np.uint8
            assert data["action"].shape == (steps, 1) and data["action"].dtype == np.float16
            assert 100 < steps <= MAX_STEPS


def test_an_episode_of_100_frames_or_fewer_is_replaced_by_the_next_seed_of_its_file(folder):
    world, replaced = Environments([DoomTakeCover()], HeldActions(DOOM), MAX_STEPS, record=True), 0
    for k in (0, 1, 6):
        for seed in (k, k + 10**7):  # none of these three needs a third
            (played,) = run_episodes(world, [Job(seed)])
            if played.steps > 100:
                break
        replaced += seed != k
        with np.load(folder / "record" / f"{k}.npz") as data:
            assert (data["obs"] == played.frames.observations[:-1]).all()
            assert (data["action"] == played.frames.actions).all()
    assert replaced == 2


def test_a_file_can_be_played_again_from_its_actions(folder):
    with np.load(folder / "record" / "0.npz") as data:
        observations, rewards = episode(DoomTakeCover(), 0, data["action"])
        assert (observations[:-1] == data["obs"]).all() and len(rewards) == len(data["obs"])


def test_the_files_do_not_depend_on_the_number_of_workers(folder):
    run(folder, "extract.py", "--episodes", 4, "--seed", 1, "--workers", 1, "--out", "again")
    for k in range(1, 5):
        assert (folder / "again" / f"{k}.npz").read_bytes() == (folder / "record" / f"{k}.npz").read_bytes()


def test_the_report_says_what_the_episodes_cover(folder):
    report = json.loads((folder / "record" / "coverage.json").read_text())
    lengths = [len(np.load(folder / "record" / f"{k}.npz")["action"]) for k in range(8)]
    assert report["mean"]["frames"] == np.mean(lengths) and report["mean"]["frames_std"] == np.std(lengths)
    assert report["mean"]["share_dropped"] == pytest.approx(1 - 8 / 10)  # files 1 and 6 took two episodes each
    assert report["made_with"]["skill"] == 4


def test_rollouts_of_another_kind_are_refused(folder):
    report = folder / "other" / "coverage.json"
    report.parent.mkdir()
    report.write_text(json.dumps({"made_with": {"skill": 5}}))
    assert "choose another --out" in error_of(folder, "extract.py", "--episodes", 1, "--out", "other")


def test_seeds_outside_those_for_random_rollouts_are_refused(tmp_path):
    assert "10,000,000" in error_of(tmp_path, "extract.py", "--seed", 9_999_999, "--episodes", 2)


def test_noise_or_random_actions_without_an_agent_are_refused(tmp_path):
    assert "name its C with --controller" in error_of(tmp_path, "extract.py", "--noise", 0.5)
    assert "name its C with --controller" in error_of(tmp_path, "extract.py", "--explore", 0.5)
    assert "is not at least 0 and below 1" in error_of(tmp_path, "extract.py", "--explore", 1)


def test_a_file_whose_episodes_are_all_short_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "TRIES", 2)
    impatient = dataclasses.replace(DOOM, shortest_episode=MAX_STEPS)
    policy = functools.partial(HeldActions, DOOM)
    with pytest.raises(UserError, match="none of 2 episodes for file 5 had 2100 frames"):
        list(extraction.extract_numbers(impatient, None, policy, 1, doomrnn.extract.survey, tmp_path, [5]))


def test_an_environment_whose_frames_are_of_another_size_is_named(tmp_path):
    policy, survey = functools.partial(HeldActions, DOOM), doomrnn.extract.survey
    with pytest.raises(UserError, match=r"observations are Box\(.* not \(64, 64, 3\) uint8"):
        list(extraction.extract_numbers(DOOM, Continuous_MountainCarEnv, policy, 1, survey, tmp_path, [0]))


def test_playing_without_a_display_is_one_line(tmp_path, no_display):
    assert "no display" in error_of(tmp_path, "env.py")
