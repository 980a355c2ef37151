"""M with an end logit: endless strings of episodes, restart flags and ends, against what the episodes' lengths say."""

import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from worldmodels.data.series import Series
from worldmodels.scripts.cli import UserError
from worldmodels.training.train_rnn import EndlessRows, train_rnn, usable_episodes

LENGTHS = [3, 5, 4, 7, 2]
Z, A = 2, 1


@pytest.fixture
def series(tmp_path):
    """Five episodes. mu of a frame is (its episode, its number in it), and sigma is next to nothing."""
    mu = np.array([(i, t) for i, length in enumerate(LENGTHS) for t in range(length)], np.float16)
    arrays = {"mu": mu, "logvar": np.full_like(mu, -50), "action": mu[:, 1:] / 10, "length": np.array(LENGTHS)}
    np.savez(tmp_path / "series.npz", vae="v", data=0, **arrays)
    return Series(tmp_path / "series.npz")


def strings(stream, batches):
    """Each row's (episode, frame) pairs, flags and ends over several batches, (B, T * batches, ...) each."""
    given = [next(stream) for _ in range(batches)]
    return [np.concatenate([batch[name] for batch in given], axis=1) for name in ("x", "z_next", "end")]


def test_rows_are_whole_episodes_one_after_the_other(series):
    x, z_next, _ = strings(EndlessRows(series, range(5), 3, 4, seed=0), batches=20)
    for row in range(3):
        frames = np.rint(x[row, :, :Z]).astype(int)
        np.testing.assert_allclose(x[row, :, Z], frames[:, 1] / 10, atol=1e-3)  # the action of that very frame
        np.testing.assert_array_equal(np.rint(z_next[row, :-1]), frames[1:])
        expected = []
        while len(expected) < len(frames):
            episode = frames[len(expected), 0]
            expected += [(episode, t) for t in range(LENGTHS[episode])]
        np.testing.assert_array_equal(frames, expected[: len(frames)])


def test_flags_stand_at_the_first_frame_and_ends_at_the_last(series):
    x, _, end = strings(EndlessRows(series, range(5), 3, 4, seed=0), batches=20)
    episode, frame = np.rint(x[..., 0]).astype(int), np.rint(x[..., 1]).astype(int)
    np.testing.assert_array_equal(x[..., -1], frame == 0)
    np.testing.assert_array_equal(end, frame == np.array(LENGTHS)[episode] - 1)


def test_every_episode_is_dealt_once_before_any_comes_again(series):
    x, *_ = strings(EndlessRows(series, range(5), 1, 21, seed=3), batches=2)  # 21 frames: all five episodes
    for half in x[0, :21], x[0, 21:]:
        begun = np.rint(half[half[:, -1] == 1][:, 0])
        assert sorted(begun.tolist()) == [0, 1, 2, 3, 4]


def test_rows_go_on_where_their_state_was_taken(series):
    stream = EndlessRows(series, range(5), 3, 4, seed=0)
    for _ in range(7):
        next(stream)
    state = json.loads(json.dumps(stream.state))
    expected = next(stream)
    resumed = EndlessRows(series, range(5), 3, 4, seed=0)
    assert resumed.restore(state)
    for name, array in next(resumed).items():
        np.testing.assert_array_equal(array, expected[name])


def options(tmp_path, **changes):
    given = {
        "data": tmp_path / "series.npz",
        "out": tmp_path / "weights" / "rnn.weights.h5",
        "steps": 3,
        "batch_size": 2,
    }
    given |= {"sequence": 4, "learning_rate": 1e-3, "decay": 0.5, "min_learning_rate": 1e-5, "clip": 1.0, "seed": 1}
    return SimpleNamespace(**given | {"precision": "float32", "log": None, "restart": False, "init": None} | changes)


def task(shortest_episode=3):
    sizes = {"z_size": Z, "action_size": A, "hidden_size": 6}
    return SimpleNamespace(name="small", end_logit=True, shortest_episode=shortest_episode, **sizes)


def test_episodes_that_are_too_short_are_left_out(series, tmp_path, capsys):
    assert usable_episodes(series, options(tmp_path), task(shortest_episode=4)) == [1, 2, 3]
    assert "2 of 5 episodes are left out: they have no more than 3 frames" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"no episode of .* has more than 100 frames \(the longest has 7\)"):
        usable_episodes(series, options(tmp_path), task(shortest_episode=101))


def test_training_carries_the_state_and_goes_on_as_if_it_had_not_been_stopped(series, tmp_path):
    """The carried state is in the checkpoint: 2 + 2 steps give the weights that 4 do."""
    weights = {}
    for name, parts in (("whole", [4]), ("halves", [2, 4])):
        out = tmp_path / name / "rnn.weights.h5"
        for steps in parts:
            train_rnn(options(tmp_path, out=out, steps=steps), task())
        weights[name] = out.read_bytes()
        assert len(json.loads((out.parent / "initial_z.json").read_text())[0]) == 5
    assert weights["whole"] == weights["halves"]


def test_training_can_start_from_the_weights_of_another_run(series, tmp_path):
    """At a learning rate of next to nothing, what comes out is what went in."""
    first, second = tmp_path / "first" / "rnn.weights.h5", tmp_path / "second" / "rnn.weights.h5"
    train_rnn(options(tmp_path, out=first), task())
    still = {"learning_rate": 1e-12, "min_learning_rate": 1e-12}
    train_rnn(options(tmp_path, out=second, init=str(first), seed=2, **still), task())
    with h5py.File(first) as before, h5py.File(second) as after:
        for name in before:
            np.testing.assert_allclose(after[name], before[name], atol=1e-6)
    with pytest.raises(UserError, match="the weights of M are missing"):
        train_rnn(options(tmp_path, out=second, init="nothing.h5", restart=True), task())


def test_a_batch_begins_in_the_state_the_one_before_it_ended_in(series):
    """Against two batches in one: with no restart flag between, the second half must give the same mixture."""
    from worldmodels.rnn import MDNRNN

    rnn = MDNRNN(Z, A, 6, done=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 8, Z + A + 1)).astype(np.float32)
    x[..., -1] = 0
    whole, _ = rnn.head(rnn.sequence(x)[0])
    rnn.carry_state(2)
    for half in (slice(0, 4), slice(4, 8)):
        mixture, _ = rnn({"x": x[:, half]}, training=True)
        np.testing.assert_allclose(mixture.mean, np.array(whole.mean)[:, half], atol=1e-5)
    mixture, _ = rnn({"x": x[:, 4:]}, training=False)  # measuring begins from zeros
    assert np.abs(np.array(mixture.mean) - np.array(whole.mean)[:, 4:]).max() > 1e-3
