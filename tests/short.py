"""A numbered script of CarRacing with episodes of 100 frames, for tests that need real processes but no long episodes.

python short.py extract|train|generation_script ...
"""

import dataclasses
import sys

from carracing import extract, generation_script, train
from worldmodels.data import generation
from worldmodels.scripts.cli import run

for script in (extract, train, generation_script):
    script.CARRACING = dataclasses.replace(script.CARRACING, max_steps=100)
generation.SLOTS = 4

if __name__ == "__main__":
    run(globals()[sys.argv.pop(1)].main)
