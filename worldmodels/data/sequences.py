"""Sequences of episodes as batches for M, with z drawn afresh from N(mu, sigma^2) each time (paper, A.2)."""

import numpy as np


class Batches:
    """Endless batches for M, a function of seed and number of the batch. What is in them, `_frames` says.

    episodes: numbers of those to take. length: frames in a sequence (T).
    end_logit: M predicts the end of an episode, and reads a restart flag.
    max_steps: frames after which an episode is cut off. That is no end, as nothing in the frame foretells it (the 2018
        code takes it for one).
    """

    def __init__(self, series, episodes, batch_size, length, seed, end_logit, max_steps):
        self.series, self.episodes, self.batch_size, self.length = series, np.array(episodes), batch_size, length
        self.seed, self.end_logit = seed, end_logit
        self.last = series.starts + series.lengths - 1  # the last frame of each episode
        self.is_first, self.is_end = np.zeros((2, len(series.mu)), bool)
        self.is_first[series.starts] = True
        self.is_end[self.last[series.lengths < max_steps]] = True
        self.batch = 0  # batches given so far

    def __next__(self):
        """A dict of x (B, T, Z + A) and z_next (B, T, Z), float32: the same sampled sequence, shifted by one.

        With an end logit, x (B, T, Z + A + 1) ends with the restart flag, 1 where an episode begins, and end (B, T) is
        1 where the last frame of an episode is that was not cut off.
        """
        rng = np.random.default_rng((self.seed, self.batch))
        self.batch += 1
        frames = self._frames(rng)
        z, action = draw(self.series, frames, rng)
        batch = {"x": np.concatenate([z[:, :-1], action[:, :-1]], axis=-1), "z_next": z[:, 1:]}
        if self.end_logit:
            restart, batch["end"] = (mask[frames[:, :-1]].astype(np.float32) for mask in (self.is_first, self.is_end))
            batch["x"] = np.concatenate([batch["x"], restart[..., None]], axis=-1)
        return batch

    def _frames(self, rng):
        """Which frames of the series the next batch is made of, and the one after each sequence: (B, T + 1) int."""
        raise NotImplementedError

    @property
    def state(self):
        """Where the batches stand, to be given to `restore`."""
        return {"batch": self.batch, "data": self.series.data}

    def restore(self, state):
        """Go on at `state`. False if the series is of other episodes than then."""
        self.batch = state["batch"]
        return state.get("data") == self.series.data


class Sequences(Batches):
    """Each sequence starts at a random frame of a random episode, and M from zero.

    With an end logit, it may reach to the episode's last frame, which then stands for the frame after it too.
    """

    def _frames(self, rng):
        few = self.batch_size > len(self.episodes)
        chosen = rng.choice(self.episodes, self.batch_size, replace=few)
        places = self.series.lengths[chosen] - self.length + self.end_logit  # at which the sequence may start
        first = self.series.starts[chosen] + rng.integers(0, places)
        return np.minimum(first[:, None] + np.arange(self.length + 1), self.last[chosen][:, None])


class EndlessRows(Batches):
    """Each row of the batch is an endless string of episodes (2018 code, Doom).

    All rows deal from one deck of episodes, shuffled anew each time it has run out. A batch is the next `length` frames
    of every row, so the state that M ends a batch in is where it begins the next one (MDNRNN.carry_state).
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.dealt = 0  # episodes so far
        self.deck = self.order = None
        self.rest = [(0, 0)] * self.batch_size  # of each row: the frames (from, to) of its episode still to come

    def _frames(self, rng):
        return np.stack([self._next_frames(row) for row in range(self.batch_size)])

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
        return int(self.series.starts[episode]), int(self.last[episode]) + 1

    @property
    def state(self):
        return super().state | {"dealt": self.dealt, "rest": self.rest}

    def restore(self, state):
        if not super().restore(state):
            return False
        self.dealt, self.rest = state["dealt"], [tuple(row) for row in state["rest"]]
        return True


def draw(series, frames, rng):
    """z (B, T, Z), drawn from N(mu, sigma^2), and action (B, T, A) of frames (B, T), float32."""
    mu, logvar, action = (array[frames].astype(np.float32) for array in (series.mu, series.logvar, series.action))
    return mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape, np.float32), action
