"""Training M on what V made of the episodes, for any task: options, batches, and the files beside the weights."""

from pathlib import Path

import numpy as np

from worldmodels.parallel.threads import quiet_stderr
from worldmodels.scripts.cli import UserError, positive_float, positive_int
from worldmodels.training import loop as training

CLIP = 1.0  # gradients are clipped by value (2018 code: grad_clip)
HELD_OUT_BATCHES = 2
STARTS = 1000  # episodes whose first frame is kept for dreams to start from (2018 code)


def add_options(parser, steps, sequence, decay=1.0):
    """The options of rnn_train.py. Defaults are the 2018 code's."""
    training.add_options(parser, "weights/rnn.weights.h5", "sequences", learning_rate=1e-3)
    add = parser.add_argument
    add("--data", default="series/series.npz", help="file made by series.py")
    add(
        "--steps",
        type=positive_int,
        default=steps,
        help="batches to train on, with those of a run that is continued",
    )
    add("--sequence", type=positive_int, default=sequence, help="frames in a sequence, through which gradients flow")
    add("--decay", type=positive_float, default=decay, help="factor a step on the learning rate above its minimum")
    add("--min_learning_rate", type=positive_float, default=1e-5, help="where a decay below 1 leads to")
    add("--init", metavar="FILE", help="weights to start from in place of random ones: an M trained on fewer episodes")
    add("--clip", type=positive_float, default=CLIP, help="gradients are cut to between plus and minus this")


def train_rnn(options, task):
    """Train M as `options` (of `add_options`) say.

    Writes its weights and, beside them, its losses, initial_z.json (where dreams start) and rnn.json, which says by
    fingerprints which M this is and which V it goes with. Weights of another name than rnn.weights.h5 have their own:
    <name>.initial_z.json and <name>.rnn.json.
    """
    from worldmodels.data.episodes import hold_out
    from worldmodels.data.series import Series
    from worldmodels.files.writing import make_folder, save_json

    series = Series(options.data)
    learned, held_out = hold_out(usable_episodes(series, options, task))
    starts = initial_z(series)
    folder = make_folder(Path(options.out).parent)
    check_vae(folder / "vae.weights.h5", series, options.data)

    with quiet_stderr():
        import keras

        from worldmodels.files.weights import fingerprint, load_weights
        from worldmodels.task import build_rnn

        keras.utils.set_random_seed(options.seed)
        rnn = build_rnn(task, options.precision)
    if options.init:
        load_weights(rnn, options.init, "M")
    rnn.compile(keras.optimizers.Adam(learning_rate(options), clipvalue=options.clip))
    if task.end_logit:
        rnn.carry_state(options.batch_size)
    batches = EndlessRows if task.end_logit else Sequences
    shape = options.batch_size, options.sequence
    losses = training.train(
        rnn,
        batches(series, learned, *shape, options.seed),
        [next(batches(series, held_out or learned, *shape, seed)) for seed in range(HELD_OUT_BATCHES)],
        options.out,
        options.steps,
        settings={"V": series.vae}
        | {name: getattr(options, name) for name in ("batch_size", "sequence", "seed", "precision", "init")},
        tensorboard=options.log,
        restart=options.restart,
    )
    name = training.run_name(options.out)
    prefix = "" if name == "rnn" else f"{name}."
    save_json(folder / f"{prefix}initial_z.json", starts)
    steps = int(rnn.optimizer.iterations.numpy())  # more than --steps if an earlier run went further
    save_json(folder / f"{prefix}rnn.json", {"rnn": fingerprint(rnn), "vae": series.vae, "steps": steps})
    if losses:
        where = f"{len(held_out):,} held-out episodes" if held_out else "the only episode, which it was trained on"
        nats = losses["held_out_z" if rnn.done else "held_out_loss"]
        print(f"{options.out}: {nats:.4f} nats a dimension on {where}")


def check_vae(path, series, data):
    """UserError if the V beside which M is to lie is there, and is not the one that made the series."""
    from worldmodels.files.weights import fingerprint_of_file

    if path.exists() and fingerprint_of_file(path, "V") != series.vae:
        raise UserError(
            f"{data} was made by another V than {path}: run series.py again, or name another folder in --out"
        )


def usable_episodes(series, options, task):
    """The numbers of the episodes that are long enough; UserError if there is none, or if they are of another task."""
    sizes = series.mu.shape[1], series.action.shape[1]
    if sizes != (task.z_size, task.action_size):
        raise UserError(
            f"{options.data} has {sizes[0]} numbers in z and {sizes[1]} in an action, but {task.name} has "
            f"{task.z_size} and {task.action_size}: name the series of {task.name} with --data"
        )
    if series.vae is None:
        raise UserError(f"{options.data} does not say which V made it: run series.py again")
    # A sequence also needs the frame after it. Where episodes are strung together, their length does not matter.
    enough, remedy = (
        (task.shortest_episode - 1, "run extract.py again, and series.py")
        if task.end_logit
        else (options.sequence, "choose a smaller --sequence")
    )
    usable = np.flatnonzero(series.lengths > enough).tolist()
    if not usable:
        longest = max(series.lengths, default=0)
        raise UserError(
            f"no episode of {options.data} has more than {enough} frames (the longest has {longest}): {remedy}"
        )
    if task.end_logit and options.sequence > (frames := int(series.lengths[usable].sum())):
        raise UserError(f"all episodes of {options.data} together have {frames} frames: choose a smaller --sequence")
    if left_out := len(series) - len(usable):
        print(f"{left_out:,} of {len(series):,} episodes are left out: they have no more than {enough} frames")
    return usable


def learning_rate(options):
    """For Adam: a number, or min + (max - min) * decay^step (2018 code)."""
    import keras

    if options.decay == 1:
        return options.learning_rate

    class Decay(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            low, high = options.min_learning_rate, options.learning_rate
            return low + (high - low) * options.decay ** keras.ops.cast(step, "float32")

    return Decay()


def initial_z(series):
    """[mus, logvars] of the first frame of up to 1,000 episodes, times 10,000 and rounded: where dreams start."""
    first = [array[series.starts[:STARTS]].astype(np.float64) for array in (series.mu, series.logvar)]
    if not np.isfinite(first).all():
        raise UserError("the series holds numbers that are not finite: train V again, and run series.py")
    return [np.round(array * 10000).astype(int).tolist() for array in first]


class Sequences:
    """Batches of sequences of episodes, with z drawn afresh from N(mu, sigma^2) each time (paper, A.2).

    Each starts at a random frame of a random episode, and M from zero. A function of seed and number of the batch.
    """

    def __init__(self, series, episodes, batch_size, length, seed):
        self.series, self.episodes, self.length, self.seed = series, np.array(episodes), length, seed
        self.batch_size = batch_size
        self.batch = 0

    def __next__(self):
        """A dict of x (B, T, Z + A) and z_next (B, T, Z), float32: the same sampled sequence, shifted by one."""
        rng = np.random.default_rng((self.seed, self.batch))
        self.batch += 1
        chosen = rng.choice(self.episodes, self.batch_size, replace=self.batch_size > len(self.episodes))
        first = self.series.starts[chosen] + rng.integers(0, self.series.lengths[chosen] - self.length)
        frames = first[:, None] + np.arange(self.length + 1)  # (B, T + 1)
        z, action = draw(self.series, frames, rng)
        return {"x": np.concatenate([z[:, :-1], action[:, :-1]], axis=-1), "z_next": z[:, 1:]}

    @property
    def state(self):
        return {"batch": self.batch, "frames": len(self.series.mu)}

    def restore(self, state):
        self.batch = state["batch"]
        return state.get("frames") == len(self.series.mu)


class EndlessRows:
    """Batches for an M with an end logit (2018 code, Doom): each row of the batch is an endless string of episodes.

    All rows deal from one deck of episodes, shuffled anew each time it has run out. A batch is the next `length` frames
    of every row, so the state that M ends a batch in is where it begins the next one (MDNRNN.carry_state); the restart
    flag says where an episode begins. z is drawn as in Sequences. A function of seed and number of the batch.
    """

    def __init__(self, series, episodes, batch_size, length, seed):
        self.series, self.episodes, self.length, self.seed = series, np.array(episodes), length, seed
        self.first_frame = np.zeros(len(series.mu), bool)
        self.first_frame[series.starts] = True
        self.batch = self.dealt = 0  # batches given and episodes dealt so far
        self.deck = self.order = None
        self.rest = [(0, 0)] * batch_size  # of each row: the frames (from, to) of its episode that are still to come

    def __next__(self):
        """A dict of x (B, T, Z + A + 1), z_next (B, T, Z), and end (B, T): 1 where the episode's last frame is."""
        rng = np.random.default_rng((self.seed, self.batch))
        self.batch += 1
        frames = np.stack([self._next_frames(row) for row in range(len(self.rest))])  # (B, T + 1)
        z, action = draw(self.series, frames, rng)
        first = self.first_frame[frames].astype(np.float32)
        x = np.concatenate([z[:, :-1], action[:, :-1], first[:, :-1, None]], axis=-1)
        return {"x": x, "z_next": z[:, 1:], "end": first[:, 1:]}

    def _next_frames(self, row):
        """The row's next T frames, and the one after them, which stays for the next batch: (T + 1,) int."""
        pieces, missing = [], self.length + 1
        while missing > 0:
            start, stop = self.rest[row]
            if start == stop:
                start, stop = self._deal()
            pieces.append(np.arange(start, min(stop, start + missing)))
            missing -= len(pieces[-1])
            self.rest[row] = int(pieces[-1][-1]) + (missing > 0), stop
        return np.concatenate(pieces)

    def _deal(self):
        """The first frame of the next episode of the deck, and the one behind its last."""
        deck, place = divmod(self.dealt, len(self.episodes))
        if deck != self.deck:
            self.deck, self.order = deck, np.random.default_rng((self.seed, 1, deck)).permutation(self.episodes)
        self.dealt += 1
        episode = self.order[place]
        return int(self.series.starts[episode]), int(self.series.starts[episode] + self.series.lengths[episode])

    @property
    def state(self):
        return {"batch": self.batch, "dealt": self.dealt, "rest": self.rest, "frames": len(self.series.mu)}

    def restore(self, state):
        self.batch = state["batch"]
        if state["frames"] != len(self.series.mu):
            return False
        self.dealt, self.rest = state["dealt"], [tuple(row) for row in state["rest"]]
        return True


def draw(series, frames, rng):
    """z (B, T, Z), drawn from N(mu, sigma^2), and action (B, T, A) of frames (B, T), float32."""
    mu, logvar, action = (array[frames].astype(np.float32) for array in (series.mu, series.logvar, series.action))
    return mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape, np.float32), action
