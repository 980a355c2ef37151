"""Training M: from a series to weights, and what goes with them."""

import dataclasses
import json
import math
import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import h5py
import numpy as np
import pytest
from scripts import Scripts

from carracing.task import CARRACING
from worldmodels.files.weights import fingerprint, load_weights, save_weights
from worldmodels.scripts.cli import Parser, UserError
from worldmodels.training import loop
from worldmodels.training import train_rnn as train_rnn_module
from worldmodels.training.train_rnn import add_options, train_rnn

PLAIN = dataclasses.replace(CARRACING, z_size=4, hidden_size=6)
ENDLESS = dataclasses.replace(PLAIN, end_logit=True, endless_rows=True)


@pytest.fixture
def folder(tmp_path):
    """A folder with series/series.npz: ten episodes of 30 frames, in which z is constant and known to 0.01."""
    (tmp_path / "series").mkdir()
    write_series(tmp_path)
    return tmp_path


def write_series(folder, z_size=4, **change):
    rng = np.random.default_rng(0)
    mu = np.repeat(rng.normal(size=(10, 1, z_size)), 30, axis=1).astype(np.float16)
    arrays = {"mu": mu, "logvar": np.full_like(mu, 2 * math.log(0.01)), "vae": np.array("f" * 64), "data": np.array(1)}
    arrays["action"] = rng.uniform(-1, 1, (10, 30, 3)).astype(np.float16)
    arrays = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(folder / "series/series.npz", **arrays)


def train(folder, *words, task=PLAIN):
    """rnn_train.py with those options, in this process. Returns the bytes of the weights."""
    parser = Parser()
    add_options(parser, steps=3, sequence=20)
    words = ["--data", folder / "series/series.npz", "--out", folder / "weights/rnn.weights.h5", *words]
    words += ["--batch_size", 4, "--tensorboard", ""]
    options = parser.parse_args(list(map(str, words)))
    train_rnn(task, **vars(options))
    with open(options.out, "rb") as file:
        return file.read()


def note(folder, name="rnn.json"):
    return json.loads((folder / "weights" / name).read_text())


def test_the_script_writes_weights_and_what_goes_with_them(folder):
    write_series(folder, z_size=32)
    output = Scripts("carracing").run(folder, "rnn_train.py", "--steps", 3, "--sequence", 20, "--batch_size", 4)
    (line,) = [line for line in output.splitlines() if line.strip() and "|" not in line]  # beside the progress bar
    assert "nats a dimension on 1 held-out episodes" in line
    about = note(folder)
    assert about["vae"] == "f" * 64 and about["steps"] == 3
    assert np.shape(note(folder, "initial_z.json")) == (2, 10, 32)
    rnn = CARRACING.make_rnn()
    load_weights(rnn, folder / "weights/rnn.weights.h5", "M")
    assert fingerprint(rnn) == about["rnn"]
    assert list((folder / "tb/weights/rnn").glob("events*"))


def test_a_finished_run_says_so_and_mends_its_files(folder, capsys):
    weights = train(folder)
    before = note(folder)
    for name in ("rnn.weights.h5", "rnn.json", "initial_z.json"):
        (folder / "weights" / name).unlink()
    assert train(folder, "--steps", 2) == weights
    assert "finished: 3 steps" in capsys.readouterr().out and note(folder) == before
    train(folder, "--steps", 4)
    assert "going on at step 3" in capsys.readouterr().out and note(folder)["steps"] == 4


def test_no_step_at_all_leaves_an_m_that_has_learned_nothing(folder):
    train(folder, "--steps", 0, "--seed", 5)
    rnn = PLAIN.make_rnn()
    load_weights(rnn, folder / "weights/rnn.weights.h5", "M")
    assert note(folder)["steps"] == 0 and not np.any(rnn.bias) and 0 < np.abs(rnn.kernel).max() < 1
    train(folder, "--steps", 0, "--seed", 6, "--restart")
    assert note(folder)["rnn"] != fingerprint(rnn)


def test_weights_of_another_name_leave_the_notes_of_the_first_alone(folder):
    train(folder)
    before = note(folder), note(folder, "initial_z.json")
    train(folder, "--out", folder / "weights/other.weights.h5", "--steps", 4)
    assert (note(folder), note(folder, "initial_z.json")) == before
    assert note(folder, "other.rnn.json")["steps"] == 4
    assert note(folder, "other.initial_z.json") == before[1]


@pytest.mark.parametrize("end_logit", [False, True])
@pytest.mark.parametrize("endless_rows", [False, True])
def test_all_kinds_of_m_go_on_as_if_they_had_not_been_stopped(folder, end_logit, endless_rows):
    """A carried state is in the checkpoint: 2 + 2 steps give the weights that 4 do."""
    task = dataclasses.replace(PLAIN, end_logit=end_logit, endless_rows=endless_rows)
    train(folder, "--steps", 2, task=task)
    halves = train(folder, "--steps", 4, task=task)
    assert halves == train(folder, "--steps", 4, "--restart", task=task)


@pytest.fixture
def given(monkeypatch):
    """What rnn_train.py gives the loop: {"learned": twenty batches, "measured": those of the held-out losses, "clip":
    the optimizer's}.
    """
    given = {}

    def spy(rnn, stream, held_out, *rest, **settings):
        state = stream.state
        given["learned"], given["measured"] = [next(stream) for _ in range(20)], held_out
        given["clip"] = rnn.optimizer.clipvalue
        stream.restore(state)
        return loop.train(rnn, stream, held_out, *rest, **settings)

    monkeypatch.setattr(train_rnn_module, "train", spy)
    return given


def test_what_m_is_measured_on_it_does_not_learn_from(folder, given):
    """One of ten episodes is held out, and in each of them z is another."""
    train(folder)
    mu = np.load(folder / "series/series.npz")["mu"][:, 0]

    def episodes(batch):
        return set(np.square(batch["z_next"][:, :, None] - mu).sum(-1).argmin(-1).flat)

    learned, measured = (set().union(*map(episodes, given[name])) for name in ("learned", "measured"))
    assert len(learned) == 9 and len(measured) == 1 and not learned & measured
    assert given["clip"] == 1.0  # as in the 2018 code


def test_bfloat16_is_another_arithmetic_with_nearly_the_same_losses(folder):
    rows = []
    for precision in ("float32", "bfloat16"):
        weights = train(folder, "--precision", precision, "--restart")
        losses = np.genfromtxt(folder / "weights/rnn.losses.csv", delimiter=",", names=True)
        rows.append((weights, losses["loss"].flat[-1]))
    (exact, loss), (rough, rough_loss) = rows
    assert exact != rough and rough_loss == pytest.approx(loss, rel=0.01)


def test_what_endless_rows_are_measured_on_holds_ends_of_episodes(folder, given):
    """Ten episodes of 30 frames, of which one is held out."""
    train(folder, task=ENDLESS)
    measured = given["measured"]
    assert measured
    for batch in measured:
        assert batch["x"].shape[:2] == (4, 1000)
        assert batch["end"].sum(1).tolist() == [33] * 4 and batch["x"][:, ::30, -1].all()


def test_a_cosine_goes_on_over_its_own_number_of_steps_alone(folder):
    train(folder, "--schedule", "cosine")
    with pytest.raises(UserError, match="schedule cosine over 3 steps, not cosine over 5 steps"):
        train(folder, "--schedule", "cosine", "--steps", 5)
    train(folder, "--schedule", "cosine", "--learning_rate", 1e-5)  # finished


def test_training_can_start_from_the_weights_of_another_run(folder):
    """At a learning rate of next to nothing, what comes out is what went in."""
    first, second = folder / "weights/rnn.weights.h5", folder / "weights/second.weights.h5"
    train(folder, task=ENDLESS)
    still = ("--out", second, "--seed", 2, "--learning_rate", 1e-12, "--schedule", "decay")
    train(folder, *still, "--init", first, task=ENDLESS)
    with h5py.File(first) as before, h5py.File(second) as after:
        for name in before:
            np.testing.assert_allclose(after[name], before[name], atol=1e-6)
    with pytest.raises(UserError, match="the file of M's weights is missing"):
        train(folder, "--init", "nothing.h5", "--restart", task=ENDLESS)


def test_a_series_of_another_v_than_the_one_beside_m_is_refused_before_any_step(folder):
    vae = PLAIN.make_vae()
    (folder / "weights").mkdir()
    save_weights(vae, folder / "weights/vae.weights.h5")
    with pytest.raises(UserError, match=r"was made by another V than .*run series\.py again"):
        train(folder)
    write_series(folder, vae=np.array(fingerprint(vae)))
    train(folder)


def test_series_of_another_v_do_not_go_on_with_the_old_m(folder):
    train(folder)
    write_series(folder, vae=np.array("e" * 64))
    with pytest.raises(UserError, match=r"V has changed .*--restart"):
        train(folder, "--steps", 5)


def test_a_nan_stops_training_and_keeps_the_last_good_weights(folder):
    with pytest.raises(UserError, match="a loss or weight became NaN"):
        train(folder, "--learning_rate", 1e30, "--steps", 50)
    rnn = PLAIN.make_rnn()
    load_weights(rnn, folder / "weights/checkpoints/rnn/last_good.weights.h5", "M")
    assert all(np.isfinite(variable.numpy()).all() for variable in rnn.trainable_variables)


def test_episodes_that_are_too_short_are_left_out(folder, capsys):
    mu = np.zeros((34, 4), np.float16)
    lengths = {"length": np.array([21, 10, 3]), "mu": mu, "logvar": mu, "action": mu[:, :3]}
    write_series(folder, **lengths)
    train(folder, "--steps", 1)
    assert "2 of 3 episodes are left out: they have no more than 20 frames" in capsys.readouterr().out
    task = dataclasses.replace(ENDLESS, shortest_episode=10)
    train(folder, "--steps", 1, "--restart", task=task)
    assert "1 of 3 episodes are left out: they have no more than 9 frames" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"no episode of .* more than 100 frames \(the longest has 21\)"):
        train(folder, task=dataclasses.replace(ENDLESS, shortest_episode=101))
    with pytest.raises(UserError, match=r"all episodes of .* together have 34 frames"):
        train(folder, "--sequence", 50, task=ENDLESS)


WIDE = np.zeros((10, 30, 64), np.float16)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"mu": WIDE, "logvar": WIDE}, (), "64 numbers in z"),
        ({"vae": None}, (), "does not say which V"),
        ({"mu": np.full((10, 30, 4), np.nan, np.float16)}, (), "not finite"),
        ({"logvar": np.full((10, 30, 4), 1000, np.float16)}, (), "beyond 100: train V again"),
        ({}, ("--sequence", 30), "choose a smaller --sequence"),
        ({}, ("--data", "nowhere.npz"), r"run series\.py first"),
        ({}, ("--out", "."), "is a folder"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(folder, change, options, words):
    write_series(folder, **change)
    with pytest.raises(UserError, match=words):
        train(folder, *options)


def test_a_flipped_bit_of_the_series_is_found_before_any_step(folder):
    path = folder / "series/series.npz"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"the series is damaged, or another kind of file: .*run series\.py again"):
        train(folder)
