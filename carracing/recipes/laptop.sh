#!/bin/sh
# From nothing to an agent that scores 887, in 75 minutes on 2 cores (results/benchmark_recipe_carracing_laptop.json).
# Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 2 GB of disk and 3 GB of memory, 0.8 GB more for each core beyond two.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 1. Random rollouts. 2 minutes, 1.6 GB. You should see 33 m/s, and off the road in about 44 % of the frames.
python extract.py --episodes 1000 --seed 1 --out record/random

# 2. V. 25 minutes, 70 MB. Reconstruction 14.2 and KL 16.9 on held-out frames.
python vae_train.py --data record/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 6300 \
  --learning_rate 4e-4
python vae_train.py --data record/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 8000 \
  --learning_rate 1e-4

# 3. The series. 2 minutes, 134 MB.
python series.py --data record/random --vae weights/first/vae.weights.h5 --out series/first.npz --precision bfloat16

# 4. M. 4 minutes, 7 MB. 0.964 nats a dimension on held-out episodes.
python rnn_train.py --data series/first.npz --out weights/first/rnn.weights.h5 --precision bfloat16 --steps 900 \
  --sequence 200 --batch_size 64

# 5. C, from nothing. 40 minutes, 12 MB. The best mean scores 885 on 64 held-out tracks.
python train.py --weights weights/first --log log/first --z mean --num_episode 1:2,40:4,60:2 --seeds common \
  --patience 100 --eval_steps 10 --eval_episodes 64 --precision bfloat16 --seed 1 --generations 70

# 6. The score. 1 minute. 887 +- 37 over 100 tracks.
python model.py norender log/first/carracing.cma.2-4-2.64.best.json --weights weights/first
