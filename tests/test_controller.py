"""C against the same sums written by hand, parameter by parameter."""

import numpy as np
import pytest

from worldmodels.controller import KINDS, Controller


@pytest.mark.parametrize(
    ("kind", "count"), [("z", 99), ("z_hidden", 1443), ("z_h", 867), ("z_c", 867), ("z_c_h", 1635)]
)
def test_car_controllers_have_the_papers_number_of_parameters(kind, count):
    assert Controller(kind, 32, 256, 3).num_params == count


def test_doom_controller_has_1088_parameters_and_no_bias():
    assert Controller("z_c_h", 64, 512, 1, bias=False).num_params == 1088


def by_hand(kind, flat, z, h, c, actions, bias):
    """One slot, in float64, reading the flat vector from front to back."""
    x = {"z": [z], "z_hidden": [z], "z_h": [z, h], "z_c": [z, c], "z_c_h": [z, c, h]}[kind]
    x, flat = np.concatenate(x).astype(float), list(flat)
    for outputs in [40, actions] if kind == "z_hidden" else [actions]:
        total = [flat.pop(0) for _ in range(outputs)] if bias else [0.0] * outputs
        for value in x:
            for output in range(outputs):
                total[output] += value * flat.pop(0)
        x = np.tanh(total)
    assert not flat
    return x


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_each_slot_acts_with_its_own_flat_parameters(kind, bias):
    rng = np.random.default_rng(0)
    controller = Controller(kind, 4, 6, 2, bias=bias)
    params = rng.normal(0, 0.3, (3, controller.num_params)).astype(np.float32)
    z, h, c = (rng.standard_normal((3, size)).astype(np.float32) for size in (4, 6, 6))
    actions = np.asarray(controller.raw_actions(params, z, h, c))
    expected = [by_hand(kind, params[slot], z[slot], h[slot], c[slot], 2, bias) for slot in range(3)]
    np.testing.assert_allclose(actions, expected, atol=1e-6)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="z_hidden"):
        Controller("z_x", 4, 6, 2)
