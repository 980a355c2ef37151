"""How well does Doom's M know what comes? Random episodes of the game, one frame ahead.

    python benchmarks/what_m_foresees.py [--weights weights]

In each frame M reads z, drawn as in its training, and the action, and says where the next z lies, and whether the
episode ends: an alarm, where its end logit is above 0, as in the dream. The player is that of extract.py, on episodes
that nothing was trained on.
"""

import numpy as np
from backends import RESULTS
from doom_resolution import recorded_episodes

from doomrnn.env import DoomTakeCover
from doomrnn.task import DOOM
from worldmodels.data.seeds import EVALUATION
from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, positive_int, run

RESULT = RESULTS / "benchmark_what_m_foresees.json"
BATCH = 25  # episodes
EARLY = 10  # frames: an alarm so shortly before the end is early, one before that is false


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--weights", default=DOOM.folder / "pretrained", metavar="DIR", help="folder of V and M; the shipped ones")
    add("--episodes", type=positive_int, default=150, help="episodes to look at")
    measure(**vars(parser.parse_args()))


def rows_of(vae, episodes):
    """z (T, Z) float32, drawn from V's N(mu, sigma^2), and actions (T, A) of each episode."""
    from worldmodels.data.series import encode

    for episode in episodes:
        mu, logvar = encode(vae, episode.frames.observations[:-1])  # no action follows the last observation
        noise = episode.job.rng().spawn(1)[0].standard_normal(mu.shape, np.float32)  # the actions are from job.rng()
        yield mu + np.exp(logvar / 2) * noise, episode.frames.actions


def foresee(rnn, rows, length):
    """(nats a dimension of the next z (T - 1,), end logits (T,)) of each episode, in one batch.

    rows: [(z (T, Z), actions (T, A))]. length: of the batch; T is at most that.
    """
    from worldmodels.rnn import mdn_nll

    x = np.zeros((BATCH, length, rnn.input_size), np.float32)
    z_next = np.zeros((BATCH, length, rnn.z_size), np.float32)
    for number, (z, actions) in enumerate(rows):
        x[number, : len(z)] = np.concatenate([z, actions, np.eye(len(z), 1)], axis=1)  # the restart flag is 1 at first
        z_next[number, : len(z) - 1] = z[1:]
    mixture, end_logit = rnn.predict_on_batch({"x": x})
    nats = np.array(mdn_nll(mixture, z_next)).mean(-1)
    return [(nats[k, : len(z) - 1], end_logit[k, : len(z)]) for k, (z, _) in enumerate(rows)]


def measure(*, weights, episodes):
    limit_threads()
    from worldmodels.files.weights import fingerprint
    from worldmodels.playing.loading import load_world_model

    vae, rnn = load_world_model(DOOM, weights)
    rows = list(rows_of(vae, recorded_episodes(DoomTakeCover(), EVALUATION[:episodes])))
    length = max(len(z) for z, _ in rows)
    found = [one for k in range(0, len(rows), BATCH) for one in foresee(rnn, rows[k : k + BATCH], length)]
    nats = float(np.concatenate([nats for nats, _ in found]).mean())
    in_last = sum(bool(logits[-1] > 0) for _, logits in found)
    at_end = sum(bool((logits[-1 - EARLY :] > 0).any()) for _, logits in found)
    before = np.concatenate([logits[: -1 - EARLY] for _, logits in found]) > 0
    print(f"the next z: {nats:.3f} nats a dimension")
    print(f"of {episodes} ends, {at_end} have an alarm in the last frame or the {EARLY} before; {in_last} in the last")
    print(f"false alarms: {before.sum()} in the {len(before):,} frames before those")
    about = {"vae_sha256": fingerprint(vae), "rnn_sha256": fingerprint(rnn), "episodes": episodes, "nats": nats}
    about |= {"ends_with_alarm": at_end, "in_last_frame": in_last}
    about |= {"false_alarms": int(before.sum()), "frames_before": len(before)}
    save_json(RESULT, {**origin(), **about}, indent=1)


if __name__ == "__main__":
    run(main)
