#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 5 GB of disk and 3 GB of memory.
# Times were measured on 2 cores of an AMD EPYC that had other work too; those of V and M follow from
# results/benchmark_training.json.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 1. Random rollouts. 4 minutes, 4 GB. You should see 314 +- 158 frames an episode, 3 % dropped.
python extract.py --episodes 3000

# 2. V. 27 minutes, 71 MB. Reconstruction 9.7 and KL 32.1 on held-out frames.
python vae_train.py --precision bfloat16 --steps 6000 --learning_rate 4e-4
python vae_train.py --precision bfloat16 --steps 7500 --learning_rate 1e-4

# 3. The series. 4 minutes, 244 MB. 0.94 million frames.
python series.py --precision bfloat16

# 4. M. 32 minutes, 27 MB. 0.946 nats a dimension on held-out episodes.
python rnn_train.py --precision bfloat16 --batch_size 32 --sequence 100 --steps 5400
python rnn_train.py --precision bfloat16 --batch_size 32 --sequence 100 --steps 5600 --learning_rate 2e-4

# 5. C, in the dream alone. 29 minutes, 19 MB. The best mean survives 1,833 steps of the dream.
python train.py --seeds common --eval_steps 4 --eval_episodes 256 --seed 1 --generations 32

# 6. The score. 2 minutes. 892 +- 540 tics in the game, 1876 +- 501 in the dream.
python model.py doomreal norender log/doomrnn.cma.16.64.best.json
python model.py doomrnn norender log/doomrnn.cma.16.64.best.json
