"""The colours of 2018, compared with its formula computed number by number, and with stock frames."""

import numpy as np
import pytest
from gymnasium.envs.box2d import car_racing
from PIL import Image

from carracing.colors import as_in_2018
from carracing.env import CarRacing


def code_of_2018(picture):
    """What its three lines do, in Python's own numbers: a frame of floats, imresize, and one minus that, as uint8."""
    numbers = [int(x) / 255.0 for x in picture.ravel()]
    low, high = min(numbers), max(numbers)
    scale = 255.0 / ((high - low) or 1)
    stretched = [int(min(max((x - low) * scale, 0.0), 255.0) + 0.5) for x in numbers]
    image = Image.frombytes("RGB", picture.shape[1::-1], bytes(stretched)).resize((64, 64), Image.BILINEAR)
    inverted = [round((1.0 - y) * 255) for y in image.tobytes()]
    return np.array([number % 256 for number in inverted], np.uint8).reshape(64, 64, 3)


def noise(low, high, size=(84, 96, 3)):
    return np.random.default_rng(low).integers(low, high + 1, size).astype(np.uint8)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 253), (11, 243), (85, 255), (3, 4), (0, 170), (100, 117)])
def test_colors_of_2018_are_those_of_its_code(low, high):
    """(170 levels are stretched by 1.5, so half of them fall between two whole numbers.)"""
    picture = noise(low, high)
    np.testing.assert_array_equal(as_in_2018(picture), code_of_2018(picture))


@pytest.mark.parametrize("level", [0, 1, 102, 255])
def test_a_frame_of_one_color_turns_white(level):
    picture = np.full((84, 96, 3), level, np.uint8)
    np.testing.assert_array_equal(as_in_2018(picture), code_of_2018(picture))
    assert (as_in_2018(picture) == 255).all()


def test_environment_in_colors_of_2018_shows_what_its_code_makes_of_stock_frames():
    """From the second second on: while the picture zooms in, the car is too small for the two to agree on the darkest
    or lightest pixel, which decides the contrast of all.
    """
    stock, ours = car_racing.CarRacing(), CarRacing(colors="2018")
    stock.reset(seed=3)
    ours.reset(seed=3)
    errors = []
    for t in range(120):
        action = np.array([0.3 * np.sin(t / 20), 0.4, 0], np.float32)
        theirs, *_ = stock.step(action)
        seen, *_ = ours.step(action)
        if t >= 50 and t % 5 == 0:
            difference = seen.astype(int) - code_of_2018(theirs[:84])
            errors.append(np.minimum(abs(difference), 256 - abs(difference)).mean() / 255)  # 255 is beside 0
    assert np.median(errors) < 0.001 and max(errors) < 0.02


def test_unknown_colors_are_refused():
    with pytest.raises(ValueError, match="plain, 2018"):
        CarRacing(colors="bright")
