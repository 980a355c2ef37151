"""M's dreams against what M was told to predict: a small M with weights set by hand, so that the answer is known."""

import numpy as np
import pytest
from small_dreams import MEANS, SHARES, STARTS, STDS, A, H, K, Z, dream, set_weights, small_rnn

import worldmodels.dream
from worldmodels.controller import Controller
from worldmodels.dream import Dreams
from worldmodels.rnn import MDNRNN
from worldmodels.rollout import Job, run_episodes


def zs_of(rnn, seeds, *args, **options):
    """All z of dreams of one length: (B, T + 1, Z)."""
    return np.array([e.frames.observations for e in dream(rnn, seeds, *args, record=True, **options)])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.3])
def test_next_z_follows_the_mixture_at_the_temperature(temperature):
    z = zs_of(small_rnn(), range(4000), temperature, 1)[:, 1]  # (B, Z): two independent draws a dream
    shares = SHARES ** (1 / temperature)
    shares /= shares.sum()
    low = z < 0  # the components lie at -3 and 3, too far apart to be mistaken
    assert low.mean() == pytest.approx(shares[0], abs=0.03)
    for component, drawn in enumerate((z[low], z[~low])):
        assert drawn.mean() == pytest.approx(MEANS[component], abs=0.05)
        assert drawn.std() == pytest.approx(STDS[component] * np.sqrt(temperature), rel=0.05)


def test_dreams_are_of_the_weights_that_m_has_by_now():
    rnn = small_rnn()
    world = Dreams(rnn, STARTS, 1.0, Controller("z", Z, H, A), lambda x: x, 3, 1, record=True)
    set_weights(rnn, output_bias=np.tile(np.concatenate([np.log(SHARES), [50, 50], np.log(STDS)]), Z))
    for episode in run_episodes(world, [Job(seed, np.zeros(3, np.float32)) for seed in range(3)]):
        assert (episode.frames.observations[1] > 40).all()


def test_dreams_start_where_episodes_did():
    first = zs_of(small_rnn(), range(50), max_steps=1)[:, 0]
    assert {tuple(z) for z in first.round(3).tolist()} == {(1, 2), (3, 4)}


def test_controller_reads_z_and_the_state_before_it():
    rnn, rng = MDNRNN(Z, A, H, mixtures=K), np.random.default_rng(3)
    params = rng.normal(size=1 + (Z + H) * A).astype(np.float32)
    ((_, _, _, _, frames),) = dream(rnn, [7], max_steps=25, params=params, kind="z_h", record=True)
    h, c = np.zeros((1, H), np.float32), np.zeros((1, H), np.float32)
    for z, action in zip(frames.observations[:-1, None], frames.actions[:, None], strict=True):
        expected = np.tanh(params[0] + np.concatenate([z, h], axis=1) @ params[1:])
        np.testing.assert_allclose(action[:, 0], expected, atol=1e-6)
        h, c = (np.array(x) for x in rnn.step(np.concatenate([z, action], axis=1), (h, c)))


@pytest.mark.parametrize(("end_logit", "steps"), [(0.1, 1), (-0.1, 45)])
def test_dream_ends_when_the_end_logit_is_positive_and_every_step_is_worth_1(end_logit, steps):
    rnn = small_rnn(done=True, end_logit=end_logit)
    for episode in dream(rnn, range(3), max_steps=45):
        assert (episode.score, episode.steps) == (steps, steps)


@pytest.mark.parametrize("danger", [0.3, 0.05, 0.01])
def test_median_ends_come_when_a_dream_is_as_likely_over_as_not(danger):
    """The loss weighs an end 10 times, so of a probability p M gives the logit of 10 p / (10 p + 1 - p)."""
    rnn = small_rnn(done=True, end_logit=np.log(10 * danger / (1 - danger)))
    steps = [episode.steps for episode in dream(rnn, range(9), max_steps=300, slots=4, median_ends=True)]
    assert steps == [int(np.ceil(np.log(0.5) / np.log(1 - danger)))] * 9


@pytest.mark.parametrize("median_ends", [False, True])
def test_a_dream_of_numbers_that_are_none_ends_at_once_and_does_not_live_for_ever(median_ends):
    dreams = dream(small_rnn(done=True, end_logit=np.nan), range(3), max_steps=45, median_ends=median_ends)
    assert [episode.steps for episode in dreams] == [1, 1, 1]


def test_restart_flag_is_1_at_the_first_step_alone():
    """This M's h is 0.76 after a step with the flag, else 0, and its end logit is 0.5 - h: so it ends at step 2."""
    rnn = small_rnn(done=True)
    kernel, bias = np.zeros((Z + A + 1 + H, 4 * H)), np.zeros(4 * H)
    i, j, f, o = (slice(gate * H, (gate + 1) * H) for gate in range(4))
    kernel[Z + A, j] = 10
    bias[i], bias[f], bias[o] = 10, -10, 10
    output_kernel = np.zeros(rnn.output_kernel.shape)
    output_kernel[0, 0] = -1
    output_bias = rnn.output_bias.numpy()
    output_bias[0] = 0.5
    set_weights(rnn, kernel=kernel, bias=bias, output_kernel=output_kernel, output_bias=output_bias)
    assert [episode.steps for episode in dream(rnn, range(5), slots=2)] == [2] * 5  # in slots that were used, too


def test_dreams_that_start_midway_have_ms_state_there_and_no_restart_flag():
    rnn, rng = random_ends(), np.random.default_rng(2)
    mu, h, c = (rng.normal(size=(2, size)).astype(np.float32) for size in (Z, H, H))
    h[0] = c[0] = 0  # one of the two is a first frame
    starts = mu, np.full((2, Z), -100, np.float32), h, c
    params = rng.normal(size=(Z + H) * A + 1).astype(np.float32)
    rows = set()
    for episode in dream(rnn, range(20), max_steps=3, params=params, kind="z_h", starts=starts, slots=4, record=True):
        row = int(np.abs(mu - episode.frames.observations[0]).sum(1).argmin())
        rows.add(row)
        state = h[row : row + 1], c[row : row + 1]
        for step, (z, action) in enumerate(
            zip(episode.frames.observations[:-1, None], episode.frames.actions[:, None], strict=True)
        ):
            expected = np.tanh(params[0] + np.concatenate([z, state[0]], axis=1) @ params[1:])
            np.testing.assert_allclose(action[:, 0], expected, rtol=1e-4, atol=1e-6)
            restart = np.full((1, 1), row == 0 and step == 0, np.float32)
            state = tuple(np.array(x) for x in rnn.step(np.concatenate([z, action, restart], axis=1), state))
    assert rows == {0, 1}


def random_ends():
    """An M whose dreams end after some dozen steps, each at another."""
    rnn, rng = MDNRNN(Z, A, H, mixtures=K, done=True), np.random.default_rng(1)
    for variable in rnn.trainable_variables:
        variable.assign(rng.normal(0, 1.5, variable.shape))
    set_weights(rnn, output_bias=np.concatenate([[-2], rnn.output_bias.numpy()[1:]]))
    return rnn


def test_what_is_recorded_is_what_was_dreamt_to_its_end_and_no_further():
    episodes = dream(random_ends(), range(30), max_steps=50, slots=4, record=True)
    assert len({episode.steps for episode in episodes}) > 5  # else this would test little
    for episode in episodes:
        observations, actions, rewards = episode.frames
        assert observations.shape == (episode.steps + 1, Z) and observations.dtype == np.float32
        assert actions.shape == (episode.steps, A) and rewards.tolist() == [1.0] * episode.steps
    whole = zs_of(small_rnn(), [5], max_steps=50)[0]
    assert (zs_of(small_rnn(), [5], max_steps=30)[0] == whole[:31]).all()


def test_those_who_watch_see_every_step_of_every_dream():
    seen = {0: [], 1: []}
    steps = dream(random_ends(), [3, 4], max_steps=50, watch=lambda slot, *step: seen[slot].append(step), record=True)
    for slot, episode in enumerate(steps):
        zs, actions = (np.array(column) for column in zip(*seen[slot], strict=True))
        assert (zs == episode.frames.observations[:-1]).all() and (actions == episode.frames.actions).all()


def test_nothing_is_recorded_unless_asked_for():
    assert [episode.frames for episode in dream(small_rnn(), range(2))] == [None, None]


@pytest.mark.parametrize("slots", [4, 8, 20, 32])
def test_a_dream_does_not_depend_on_its_slot(slots, monkeypatch):
    """Also where kernels sum the last rows of so many in another order: with an M of the car's size."""
    monkeypatch.setattr(worldmodels.dream, "STEPS", 3)  # a smaller program is built sooner
    rnn, controller, rng = MDNRNN(), Controller("z_h", 32, 256, 3), np.random.default_rng(0)
    starts = rng.normal(size=(2, 5, 32)).astype(np.float32)
    jobs = [Job(seed, rng.normal(0, 0.3, 867).astype(np.float32), seed) for seed in range(slots)]
    orders = []
    for order in (jobs, jobs[::-1]):
        world = Dreams(rnn, starts, 1.0, controller, lambda x: x, slots, 5, record=True)
        orders.append({episode.job.tag: episode.frames.observations for episode in run_episodes(world, order)})
    assert all((orders[0][tag] == orders[1][tag]).all() for tag in range(slots))
