"""The batches that M learns from: sequences that start anywhere, and endless strings of episodes."""

import json

import numpy as np
import pytest

from worldmodels.data.sequences import EndlessRows, Sequences
from worldmodels.data.series import Series

LENGTHS = [3, 5, 4, 7, 2]
MAX_STEPS = max(LENGTHS)
Z, A = 2, 1
KINDS = pytest.mark.parametrize("kind", [Sequences, EndlessRows])


@pytest.fixture
def series(tmp_path):
    """Five episodes. mu of a frame is (its episode, its number in it), the action a tenth of that number, and sigma is
    next to nothing."""
    mu = np.array([(i, t) for i, length in enumerate(LENGTHS) for t in range(length)], np.float16)
    arrays = {"mu": mu, "logvar": np.full_like(mu, -50), "action": mu[:, 1:] / 10, "length": np.array(LENGTHS)}
    np.savez(tmp_path / "series.npz", **arrays)
    return Series(tmp_path / "series.npz")


def frames_of(z):
    """The (episode, frame) that each z stands for, in two arrays."""
    return np.moveaxis(np.rint(z[..., :Z]).astype(int), -1, 0)


def is_last(episode, frame):
    return frame == np.array(LENGTHS)[episode] - 1


def is_end(episode, frame):
    """One episode was cut off: its last frame is no end."""
    return is_last(episode, frame) & (frame < MAX_STEPS - 1)


@KINDS
@pytest.mark.parametrize("end_logit", [False, True])
def test_batches_depend_on_seed_and_number_alone_and_go_on_where_their_state_was_taken(series, kind, end_logit):
    batches, resumed, other = (kind(series, [1, 2, 3], 3, 3, seed, end_logit, MAX_STEPS) for seed in (0, 0, 1))
    for _ in range(7):
        next(batches)
    assert resumed.restore(json.loads(json.dumps(batches.state)))
    expected, same = next(batches), next(resumed)
    assert set(expected) == ({"x", "z_next", "end"} if end_logit else {"x", "z_next"})
    for name, array in expected.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(same[name], array)
    assert not np.array_equal(next(other)["x"], expected["x"])


@KINDS
def test_a_batch_is_frames_with_their_actions_and_the_frames_after_them(series, kind):
    batches = kind(series, range(3, 4), 4, 5, 0, False, MAX_STEPS)  # one episode of 7 frames
    for _ in range(10):
        batch = next(batches)
        assert batch["x"].shape == (4, 5, Z + A) and batch["z_next"].shape == (4, 5, Z)
        episode, frame = frames_of(batch["x"])
        assert (episode == 3).all()
        np.testing.assert_allclose(batch["x"][..., Z], frame / 10, atol=1e-3)
        np.testing.assert_array_equal(frames_of(batch["z_next"])[1], (frame + 1) % 7)
        np.testing.assert_array_equal(batch["x"][:, 1:, :Z], batch["z_next"][:, :-1])  # drawn once


def test_z_is_drawn_from_the_normal_distribution_of_its_frame(tmp_path):
    mu = np.repeat(np.arange(10.0)[:, None, None], 60, axis=1).repeat(32, axis=2).astype(np.float16)
    arrays = {"mu": mu, "logvar": np.full_like(mu, 2 * np.log(0.01)), "action": mu[..., :3]}
    np.savez(tmp_path / "series.npz", **arrays)
    batch = next(Sequences(Series(tmp_path / "series.npz"), range(10), 8, 20, 0, False, MAX_STEPS))
    noise = batch["x"][..., :32] - batch["x"][..., 32:33]
    assert (noise.mean(), noise.std()) == pytest.approx((0, 0.01), abs=0.001)


def test_sequences_start_at_every_place_of_every_episode_that_leaves_a_frame_after_them(series):
    batches = Sequences(series, [1, 3], 4, 4, 0, False, MAX_STEPS)
    starts = {tuple(int(n[0]) for n in frames_of(row)) for _ in range(50) for row in next(batches)["x"]}
    assert starts == {(1, 0), (3, 0), (3, 1), (3, 2)}


def test_sequences_with_an_end_logit_reach_to_the_last_frame(series):
    """There end is 1, and the last frame stands for the one after it; the flag is 1 where an episode begins."""
    batches, ends = Sequences(series, [1, 3], 4, 4, 0, True, MAX_STEPS), 0
    for _ in range(20):
        batch = next(batches)
        episode, frame = frames_of(batch["x"])
        np.testing.assert_array_equal(batch["x"][..., -1], frame == 0)
        np.testing.assert_array_equal(batch["end"], is_end(episode, frame))
        np.testing.assert_array_equal(frames_of(batch["z_next"])[0], episode)
        np.testing.assert_array_equal(frames_of(batch["z_next"])[1], frame + 1 - is_last(episode, frame))
        ends += batch["end"].sum()
    assert ends


# Endless rows


def strings(batches, count):
    """x, z_next and end of several batches, one after the other: (B, T * count, ...) each."""
    given = [next(batches) for _ in range(count)]
    return [np.concatenate([batch[name] for batch in given], axis=1) for name in ("x", "z_next", "end")]


def test_rows_are_whole_episodes_one_after_the_other(series):
    x, z_next, _ = strings(EndlessRows(series, range(5), 3, 4, 0, True, MAX_STEPS), count=20)
    for row in range(3):
        frames = frames_of(x[row]).T
        np.testing.assert_array_equal(frames_of(z_next[row, :-1]).T, frames[1:])
        expected = []
        while len(expected) < len(frames):
            episode = frames[len(expected), 0]
            expected += [(episode, t) for t in range(LENGTHS[episode])]
        np.testing.assert_array_equal(frames, expected[: len(frames)])


def test_flags_stand_at_the_first_frame_and_ends_at_the_last_unless_the_episode_was_cut_off(series):
    x, _, end = strings(EndlessRows(series, range(5), 3, 4, 0, True, MAX_STEPS), count=20)
    episode, frame = frames_of(x)
    np.testing.assert_array_equal(x[..., -1], frame == 0)
    np.testing.assert_array_equal(end, is_end(episode, frame))
    assert (end != is_last(episode, frame)).any()


def test_every_episode_is_dealt_once_before_any_comes_again(series):
    x, *_ = strings(EndlessRows(series, range(5), 1, 21, 3, True, MAX_STEPS), count=2)  # 21 frames: all five episodes
    for half in x[0, :21], x[0, 21:]:
        assert sorted(frames_of(half[half[:, -1] == 1])[0]) == [0, 1, 2, 3, 4]
