"""The two colours of an observation: plain ones, and those in which the code of 2018 shows the game to an agent."""

import numpy as np
from PIL import Image

from carracing.renderer import SIZE

COLORS = ("plain", "2018")


def as_in_2018(picture):
    """What the code of 2018 makes of a frame without its instrument bar: (84, 96, 3) uint8 -> (64, 64, 3) uint8.

    With lo and hi the least and the greatest value x in the frame, over all pixels and channels:
      1. s = floor(255 (x - lo) / (hi - lo) + 1/2); 0 everywhere if hi = lo. The frame comes to scipy.misc.imresize as
         x / 255, and what is no uint8 is stretched there. It is computed here in the same order, and so rounded alike.
      2. y = s resized by PIL's BILINEAR, the default of imresize.
      3. y - 1 modulo 256. It says round((1 - y) * 255), which should invert y, had y been in [0, 1]. But y is uint8,
         and 255 - 255 y cast to uint8 wraps around: 255 is -1 modulo 256.
    """
    values = np.arange(256) / 255.0
    lo, hi = values[picture.min()], values[picture.max()]
    stretched = (values - lo) * (255.0 / (hi - lo if hi > lo else 1))
    table = (stretched.clip(0, 255) + 0.5).astype(np.uint8)
    y = np.asarray(Image.fromarray(table.take(picture)).resize((SIZE, SIZE), Image.BILINEAR))
    return y - np.uint8(1)
