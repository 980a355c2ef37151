"""World Models (Ha & Schmidhuber, 2018): V, M, C, evolution and the rollout loop, each written once for every task."""

import sys
from pathlib import Path

# Python puts a script's own folder first on its path. There, doomrnn/doomrnn.py would hide the package it is part of.
_ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = [_ROOT / name for name in ("carracing", "doomrnn")]
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() not in _PACKAGES]
