"""initial_z.json and midway.npz: where dreams start."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from worldmodels.data.starts import BEFORE_END, SCALE, STATES, find_midway, find_starts, load_midway, load_starts
from worldmodels.files.weights import fingerprint
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError


def series_of(mu, logvar):
    """Episodes of three frames each."""
    return SimpleNamespace(mirrored=False, mu=mu, logvar=logvar, starts=np.arange(0, len(mu), 3))


def test_they_are_the_first_frame_of_every_episode_times_10000(tmp_path):
    mu, logvar = np.random.default_rng(0).normal(size=(2, 12, 4)).astype(np.float16)
    mus, logvars = starts = find_starts(series_of(mu, logvar))
    assert isinstance(mus[0][0], int)
    (tmp_path / "initial_z.json").write_text(json.dumps(starts))
    read_mu, read_logvar, *states = load_starts(tmp_path, 4)
    assert states == [None, None]
    np.testing.assert_allclose(read_mu, mu[::3].astype(np.float32), atol=5.1e-5)
    np.testing.assert_allclose(read_logvar, logvar[::3].astype(np.float32), atol=5.1e-5)
    assert read_mu.dtype == np.float32 and len(logvars) == 4


def test_there_are_1000_at_most():
    mu = np.zeros((3300, 2), np.float16)
    assert [len(rows) for rows in find_starts(series_of(mu, mu))] == [1000, 1000]


@pytest.mark.parametrize("number", [200, np.nan])
def test_what_no_v_gives_is_not_written(number):
    mu = np.zeros((3, 2), np.float16)
    with pytest.raises(UserError, match="beyond 100: train V again"):
        find_starts(series_of(mu, np.full_like(mu, number)))


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "[[[1, 2]], [[3]]]",
        "[[[1, 2]]]",
        '[[["a", 2]], [[3, 4]]]',
        '[[[1, 2]], [["nan", 4]]]',
        "[[], []]",
        "[1, 2]",
        "{}",
        "[[[1e15, 2]], [[3, 4]]]",
    ],
)
def test_what_is_no_list_of_starts_is_one_line(tmp_path, content):
    (tmp_path / "initial_z.json").write_text(content)
    with pytest.raises(
        UserError,
        match=r"where dreams start is damaged, or another kind of file: .*initial_z\.json.*run rnn_train\.py again",
    ):
        load_starts(tmp_path, 2)


@pytest.fixture
def rnn():
    """A small M whose state depends on all that it has read, and on the restart flag."""
    rnn, rng = MDNRNN(2, 1, 3, mixtures=2, done=True), np.random.default_rng(0)
    for variable in rnn.trainable_variables:
        variable.assign(rng.normal(0, 1, variable.shape))
    return rnn


def episodes_of(*lengths):
    """A series of such lengths. z is the number of the frame over 1,000, and the number of the episode."""
    lengths = np.array(lengths)
    mu = np.concatenate([np.stack([np.arange(n) / 1000, np.full(n, i)], 1) for i, n in enumerate(lengths)])
    starts = np.cumsum(lengths) - lengths
    action = mu[:, :1] - 0.1
    return SimpleNamespace(
        mu=mu,
        logvar=np.full_like(mu, -50),
        action=action,
        lengths=lengths,
        starts=starts,
        path="series.npz",
        mirrored=False,
    )


def test_midway_are_frames_of_all_times_and_episodes_with_the_state_that_m_is_in_there(rnn):
    lengths = (400, 150, 230, 90, 40)
    series = episodes_of(*lengths)
    starts = find_midway(rnn, series)
    times, numbers = np.rint(starts.mu[:, 0] * 1000).astype(int), starts.mu[:, 1].astype(int)
    assert abs(len(times) - STATES) < 5 and starts.h.shape == starts.c.shape == (len(times), 3)
    assert all(array.dtype == np.float32 for array in starts)
    assert [time // 100 for time in sorted(set(times))] == [0, 1, 2, 3]
    for time in set(times):
        assert set(numbers[times == time]) == set(np.flatnonzero(np.array(lengths) > time + BEFORE_END))
    assert not starts.h[times == 0].any() and not starts.c[times == 0].any()
    for row in (np.flatnonzero(times >= 300)[0], np.flatnonzero((times >= 100) & (numbers == 2))[0]):
        h = c = np.zeros((1, 3), np.float32)
        for frame in range(times[row]):
            here = series.starts[numbers[row]] + frame
            x = np.concatenate([series.mu[here], series.action[here], [frame == 0]])[None].astype(np.float32)
            h, c = (np.array(state) for state in rnn.step(x, (h, c)))
        np.testing.assert_allclose(starts.h[row], h[0], atol=1e-4)
        np.testing.assert_allclose(starts.c[row], c[0], atol=1e-4)


def test_no_dream_starts_in_a_mirror_image(rnn):
    series = episodes_of(*[90, 90, 200, 200, 70, 70])
    series.mirrored = True
    assert set(find_midway(rnn, series).mu[:, 1]) == {0, 2, 4}
    assert (np.array(find_starts(series)[0])[:, 1] / SCALE).tolist() == [0, 2, 4]


def test_episodes_that_are_over_before_they_are_midway_are_one_line(rnn):
    with pytest.raises(UserError, match=r"no episode of series\.npz has more than 60 frames: name another series"):
        find_midway(rnn, episodes_of(50, 60))


def test_midway_is_read_as_it_was_written_and_for_this_m_alone(rnn, tmp_path):
    arrays = {name: np.ones((5, size), np.float32) for name, size in (("mu", 2), ("logvar", 2), ("h", 3), ("c", 3))}

    def refused(match, **change):
        np.savez(tmp_path / "midway.npz", **arrays | {"rnn": fingerprint(rnn)} | change)
        with pytest.raises(UserError, match=rf"midway\.npz.*{match}.*; run rnn_train\.py again, with --midway"):
            load_midway(tmp_path, rnn)

    with pytest.raises(UserError, match=r"midway is missing: .*; run rnn_train\.py again, with --midway"):
        load_midway(tmp_path, rnn)
    np.savez(tmp_path / "midway.npz", **arrays, rnn=fingerprint(rnn))
    for name, array in load_midway(tmp_path, rnn)._asdict().items():
        assert (array == arrays[name]).all()
    refused("another M", rnn="0" * 64)
    refused("sizes", h=np.ones((5, 4)))
    refused("sizes", **{name: array[:0] for name, array in arrays.items()})
    refused("not finite", c=np.full((5, 3), np.nan))
    refused("beyond 100", mu=np.full((5, 2), 200))
