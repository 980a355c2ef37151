"""Sizes of batches in which a row does not depend on the others: kernels sum in an order chosen by the size."""

import numpy as np


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
