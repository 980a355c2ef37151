#!/bin/sh
# The paper's protocol. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 15 GB of disk and 4 GB of memory.
# Costs are computed, not run (README.md). V learns for 10 epochs, as in the code of 2018 (`--epochs 1`: paper).
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 1. 10,000 random rollouts, 3.2 million frames. 19 minutes on 2 cores; 13 GB.
python extract.py

# 2. V: 10 epochs, 300,825 batches of 100. 15 hours on 2 cores, 10 with --precision bfloat16; 71 MB.
python vae_train.py

# 3. The series: 3.2 million frames, 0.8 GB.
python series.py

# 4. M: 24,400 batches of 100 x 500. 27 hours on 2 cores, 19 in bfloat16; 27 MB, and 3.4 GB of memory.
python rnn_train.py

# 5. C: 1,800 generations of 64 x 16 dreams, 1,024 more every 25. 20 hours on 2 cores; 19 MB.
python train.py

# 6. The score: 1092 +- 556 tics in the game in the paper, 918 +- 546 in the dream. 4 minutes on 2 cores.
python model.py doomreal norender log/doomrnn.cma.16.64.best.json
python model.py doomrnn norender log/doomrnn.cma.16.64.best.json
