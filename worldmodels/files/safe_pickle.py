"""Pickles that run no code when they are read: numbers, texts, containers, arrays, and objects of classes on a list."""

import io
import pickle

# What numpy's arrays, numbers and random generators are rebuilt by. Nothing else is ever called.
_CALLS = {
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.random._pickle", "__generator_ctor"),
    ("numpy.random._pickle", "__bit_generator_ctor"),
}
_NAMES = {("numpy", "ndarray"), ("numpy.random._pcg64", "PCG64"), *_CALLS}


def dumps(content, stand_ins=None):
    """Pickle `content`. stand_ins: {name: object}, objects in it that are not stored but taken from `loads`'s own."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    names = {id(thing): name for name, thing in (stand_ins or {}).items()}
    pickler.persistent_id = lambda thing: names.get(id(thing))
    pickler.dump(content)
    return file.getvalue()


def loads(data, allowed=(), stand_ins=None):
    """The content of `dumps`. allowed: (module, name) of further classes, whose objects are made without being called.

    ValueError for anything that is not on the lists.
    """
    return _Reader(data, {*allowed, *_NAMES}, stand_ins or {}).load()


class _Reader(pickle._Unpickler):  # the one written in Python: its operations can be replaced
    dispatch = dict(pickle._Unpickler.dispatch)  # noqa: RUF012

    def __init__(self, data, names, stand_ins):
        super().__init__(io.BytesIO(data))
        self.names, self.stand_ins, self.callable = names, stand_ins, []

    def find_class(self, module, name):
        if (module, name) not in self.names:
            raise ValueError(f"it holds {module}.{name}, which is not on the list of what it may hold")
        found = super().find_class(module, name)
        if (module, name) in _CALLS:
            self.callable.append(found)
        return found

    def persistent_load(self, name):
        return self.stand_ins[name]

    def load_reduce(self):
        if not any(self.stack[-2] is function for function in self.callable):
            raise ValueError("it calls something when it is read")
        super().load_reduce()

    def refuse(self):
        raise ValueError("it calls something when it is read")

    dispatch[pickle.REDUCE[0]] = load_reduce
    for _operation in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4):
        dispatch[_operation[0]] = refuse
