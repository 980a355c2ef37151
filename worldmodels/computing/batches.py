"""Sizes of batches in which a row does not depend on the others: kernels sum in an order chosen by the size."""

import numpy as np


class Programs:
    """A Keras model once for each size of batch that episodes need, so that each computes a row alike, to the bit.

    Kernels choose the order in which a product's terms are summed by the size of the batch. So there is one size, idle
    rows included (independent_rows). With few episodes under way it is halved, if that computes the same
    (smaller_batch). One model for any size, as TensorFlow would make of two, rounds otherwise.
    make(): such a model. equal_rows(rows): random input for it, all rows the same. slots: the most episodes at a time.
    """

    def __init__(self, make, equal_rows, slots):
        self.make, self.equal_rows = make, equal_rows
        self.programs = {}  # rows -> model
        self.rows = {}  # episodes under way -> rows of their batch
        self.full = independent_rows(self.outputs_of_equal_rows, slots)

    def of(self, episodes):
        """(rows, model) of the batch for so many episodes."""
        if episodes not in self.rows:
            compiled = self._program(self.full).supports_jit  # a size more would take longer than it saves
            smallest = self.full if compiled else smaller_batch(self.outputs_of_equal_rows, self.full, episodes)
            self.rows[episodes] = smallest
        return self.rows[episodes], self._program(self.rows[episodes])

    def outputs_of_equal_rows(self, rows):
        return self._program(rows).predict_on_batch(self.equal_rows(rows))

    def _program(self, rows):
        if rows not in self.programs:
            self.programs[rows] = self.make()
        return self.programs[rows]


def independent_rows(outputs_of, slots):
    """How many rows a batch for `slots` episodes needs, so that none depends on the row it is computed in.

    If up to 15 more are not enough, it is `slots`, and they do depend on it.

    Where the size of a batch is no multiple of theirs, kernels may sum the last rows in another order, and so round
    them otherwise. A few idle rows at the end keep the others the same to the bit.
    outputs_of(rows): arrays (rows, ...), computed from so many equal rows of input.
    """
    return next((rows for rows in range(slots, slots + 16) if _are_first(slots, outputs_of(rows))), slots)


def smaller_batch(outputs_of, full, episodes):
    """How many rows a batch for fewer episodes needs: `full` halved as often as they fit and it computes the same.

    A full batch whose rows do not agree has nothing to go by, and stays as it is.
    """
    sizes = [full]
    while sizes[-1] // 2 >= episodes:
        sizes.append(sizes[-1] // 2)
    if len(sizes) == 1:
        return full
    like = outputs_of(full)
    if not _are_first(full, like):
        return full
    return next(rows for rows in reversed(sizes) if rows == full or _are_first(episodes, outputs_of(rows), like))


def equal_rows(rng, rows, sizes):
    """Random float32 input for independent_rows: {name: (rows, size)}, all rows of an array the same."""
    return {name: np.tile(rng.standard_normal((1, size), np.float32), (rows, 1)) for name, size in sizes.items()}


def _are_first(count, arrays, like=None):
    """Whether the first `count` rows of each array are the first row of the one in `like`, or else its own."""
    pairs = zip(arrays, like or arrays, strict=True)
    return all((np.asarray(array)[:count] == np.asarray(one)[:1]).all() for array, one in pairs)
