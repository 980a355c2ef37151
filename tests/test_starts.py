"""initial_z.json: where dreams start."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from worldmodels.data.starts import find_starts, load_starts
from worldmodels.scripts.cli import UserError


def series_of(mu, logvar):
    """Episodes of three frames each."""
    return SimpleNamespace(mu=mu, logvar=logvar, starts=np.arange(0, len(mu), 3))


def test_they_are_the_first_frame_of_every_episode_times_10000(tmp_path):
    mu, logvar = np.random.default_rng(0).normal(size=(2, 12, 4)).astype(np.float16)
    mus, logvars = starts = find_starts(series_of(mu, logvar))
    assert isinstance(mus[0][0], int)
    (tmp_path / "initial_z.json").write_text(json.dumps(starts))
    read_mu, read_logvar = load_starts(tmp_path, 4)
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
