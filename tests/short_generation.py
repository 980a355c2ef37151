"""generation_script.py with episodes of 100 frames, 4 at a time: run by test_generation.py, and killed."""

import dataclasses

from carracing import generation_script
from worldmodels.data import generation
from worldmodels.scripts.cli import run

generation_script.CARRACING = dataclasses.replace(generation_script.CARRACING, max_steps=100)
generation.SLOTS = 4

if __name__ == "__main__":
    run(generation_script.main)
