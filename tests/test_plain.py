"""What checkpoints consist of: it comes back to the bit, and can be nothing but plain."""

import json

import numpy as np
import pytest

from worldmodels.files.plain import pack, unpack


def there_and_back(content):
    about, arrays = pack(content)
    return unpack(json.loads(json.dumps(about)), {name: array.copy() for name, array in arrays.items()})


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**200,
        -0.0,
        0.1,
        float("inf"),
        "a\n\ud800",
        [1, [2.5, "x"], ()],
        (1, (2,)),
        {1: {}, (1, 2.0): [None]},
    ],
    ids=repr,
)
def test_numbers_texts_and_containers_come_back_as_they_were(value):
    assert repr(there_and_back(value)) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array(2.5),
        np.float32(0.1),
        np.bool_(True),
        np.empty((0, 3)),
        np.array([np.nan, -0.0]),
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.random.default_rng(0).random((3, 4))),
        np.arange(6.0)[::2],
        np.array(["a", "bcd"]),
        np.zeros(2, [("a", int), ("b", "f4")]),
    ],
    ids=repr,
)
def test_arrays_come_back_with_their_type_and_order_in_memory(array):
    back = there_and_back(array)
    assert type(back) is type(array) and back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes() and back.flags.fnc == array.flags.fnc


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.PCG64DXSM, np.random.SFC64])
def test_a_generator_goes_on_where_it_was(kind):
    generator = np.random.Generator(kind(1))
    generator.integers(9, dtype=np.int32)  # it keeps the other half of 64 bits
    back = there_and_back({"generator": generator})["generator"]
    for draw in (lambda g: g.integers(9, dtype=np.int32), lambda g: g.standard_normal(3).tolist()):
        assert draw(back) == draw(generator)


def test_what_is_one_thing_in_two_places_stays_one_thing():
    array, numbers, generator = np.zeros(3), [1], np.random.default_rng(0)
    back = there_and_back([array, numbers, generator, {"again": (array, numbers, generator)}])
    assert all(one is other for one, other in zip(back[:3], back[3]["again"], strict=True))


class Text(str):
    pass


@pytest.mark.parametrize(
    "thing",
    [print, object, object(), {1, 2}, Text("a"), b"bytes", 1j, np.array([None]), np.random.MT19937(0)],
    ids=lambda thing: type(thing).__name__,
)
def test_everything_else_is_refused_by_name(thing):
    with pytest.raises(TypeError, match="its 'it' is, or holds, an object of"):
        pack({"about": [{"it": [thing]}]})


@pytest.mark.parametrize(
    "things",
    [
        [["eval", "print('ran')"]],
        [["MT19937", 0]],
        [["Generator", [0]]],
        [["__import__", "os"]],
        [["list", [[1]]], ["list", []]],  # of what comes after it
        [["list", [["x"]]]],
        [["dict", [[[0], 1]]]],
        [["list", []], ["dict", [[[0], 1]]]],  # a list for a key
        [["dict", 5]],
        [["generator", "PCG64"]],
        [["dict", [["bit_generator", "PCG64"], ["state", "0"]]], ["PCG64", [0]]],
        [["array", ["0", [7, 7], "C"]]],
        [["array", ["missing", [3], "C"]]],
        [["array", ["0", [3], "os"]]],
        [[["list"], []]],
        ["x"],
        5,
    ],
    ids=repr,
)
def test_what_pack_did_not_make_is_an_error(things):
    with pytest.raises((ValueError, TypeError, KeyError, IndexError, AttributeError)):
        unpack({"things": things, "root": [0]}, {"0": np.zeros(3)})
