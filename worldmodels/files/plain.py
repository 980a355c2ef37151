"""What no code can hide in: numbers, texts, arrays, numpy's random generators, and lists, tuples and dicts of them.

`pack` makes JSON and arrays of it, for files/sealed.py, and `unpack` makes it again from them. Nothing that is read
names a class or a function, as it would in a pickle: a kind that is not on the list below is an error.
"""

import numpy as np

# Of numpy's, those whose state is numbers alone: others hold a place in a buffer, which a file could set beyond it.
GENERATORS = ("PCG64", "PCG64DXSM", "SFC64")


def pack(content):
    """(about, arrays) for `unpack`, which gives the same to the bit: types, the order of arrays in memory, NaN.

    What is found twice in it is one thing again afterwards; a view of an array becomes an array of its own.
    TypeError for anything else than the above.
    """
    packer = _Packer()
    root = packer.add(content)
    return {"root": root, "things": packer.things}, packer.arrays


def unpack(about, arrays):
    """The content that `pack` was given. Any error if about or arrays are not of its making."""
    made = []

    def get(place):
        return made[place[0]] if type(place) is list else place

    for kind, content in about["things"]:  # each is made of what comes before it
        made.append(_make(kind, content, get, arrays))
    return get(about["root"])


class _Packer:
    def __init__(self):
        self.things = []  # [kind, content], in which others are named by [their index]
        self.arrays = {}
        self.known = {}  # id -> (index, the thing itself, or its id could be another's later)

    def add(self, thing, name="it"):
        """What stands for a thing: itself if JSON has it, else [its index]. name: of it, in an error."""
        if thing is None or type(thing) in (bool, int, float, str):
            return thing
        if id(thing) not in self.known:
            self.things.append(self._describe(thing, name))
            self.known[id(thing)] = len(self.things) - 1, thing
        return [self.known[id(thing)][0]]

    def _describe(self, thing, name):
        kind = type(thing)
        if kind in (list, tuple):
            return [kind.__name__, [self.add(one, name) for one in thing]]
        if kind is dict:
            return ["dict", [[self.add(key), self.add(value, f"its {key!r}")] for key, value in thing.items()]]
        if kind is np.random.Generator:
            return ["generator", self.add(thing.bit_generator)]
        if isinstance(thing, np.random.BitGenerator) and kind.__name__ in GENERATORS:
            return [kind.__name__, self.add(thing.state)]
        if (kind is np.ndarray or isinstance(thing, np.generic)) and not thing.dtype.hasobject:
            order = "F" if thing.flags.fnc else "C"
            number = str(len(self.arrays))
            self.arrays[number] = thing.ravel(order)
            return ["array" if kind is np.ndarray else "number", [number, thing.shape, order]]
        raise TypeError(f"{name} is, or holds, an object of {kind.__module__}.{kind.__qualname__}")


def _make(kind, content, get, arrays):
    match kind:
        case "list":
            return [get(one) for one in content]
        case "tuple":
            return tuple(get(one) for one in content)
        case "dict":
            return {get(key): get(value) for key, value in content}
        case "array" | "number":
            number, shape, order = content
            array = arrays[number].reshape(shape, order=order)
            return array if kind == "array" else array[()]
        case "generator":
            return np.random.Generator(get(content))
        case _ if kind in GENERATORS:
            bits = getattr(np.random, kind)(0)
            bits.state = get(content)
            return bits
    raise ValueError(f"it holds something of an unknown kind, {kind!r}")
