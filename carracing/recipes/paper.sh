#!/bin/sh
# The paper's protocol. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 19 GB of disk and 4 GB of memory, 0.8 GB more for each core beyond two.
# Costs are computed, not run (README.md). Two things are not the paper's: the random policy of step 1
# (`--policy agent --respawn 0` is that of 2018), and 10 epochs of V, as in the code of 2018 (`--epochs 1` is the paper's).
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 1. 10,000 random rollouts. 23 minutes on 2 cores; 16 GB.
python extract.py

# 2. V: 10 epochs, 950,000 batches of 100. 47 hours on 2 cores, 33 with --precision bfloat16; 70 MB.
python vae_train.py

# 3. The series: 10 million frames, 1.3 GB.
python series.py

# 4. M: 4,000 batches of 100 x 999. 2.5 hours on 2 cores, 1.9 in bfloat16; 7 MB, and 2.9 GB of memory.
python rnn_train.py

# 5. C: 1,800 generations of 64 x 16 episodes, 1,024 more every 25. 140 hours on 2 cores, 5.7 on 64; 12 MB.
python train.py

# 6. The score: 906 +- 21 over 100 tracks in the paper. A minute on 2 cores.
python model.py norender log/carracing.cma.16.64.best.json
