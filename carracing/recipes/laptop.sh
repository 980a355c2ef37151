#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 3 GB of disk and 3 GB of memory.
# Times were measured on 2 cores that had other work too; those of V and M follow from results/benchmark_training.json.
# V and M were made on a Xeon that computes in bfloat16.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 1. Random rollouts. 5 minutes, 1.6 GB. You should see 33 m/s, and off the road in about 44 % of the frames.
python extract.py --episodes 1000 --seed 1

# 2. V. 30 minutes, 70 MB. Reconstruction 13.4 and KL 17.0 on held-out frames.
python vae_train.py --precision bfloat16 --steps 6300 --learning_rate 4e-4
python vae_train.py --precision bfloat16 --steps 8000 --learning_rate 1e-4

# 3. The series. 1.5 minutes, 134 MB.
python series.py --precision bfloat16

# 4. M. 4 minutes, 7 MB. 0.969 nats a dimension on held-out episodes.
python rnn_train.py --precision bfloat16 --steps 900 --sequence 200 --batch_size 64

# 5a. C, from nothing. 67 minutes, 12 MB. The mean scores 890 on held-out tracks.
python train.py --log log/first --z mean --num_episode 1:2,40:4,60:2 --seeds common --patience 100 \
  --eval_steps 10 --eval_episodes 64 --precision bfloat16 --seed 1 --generations 70

# 5b. C, from that result. 48 minutes, 12 MB. The mean scores 897 on held-out tracks.
python train.py --init log/first/carracing.cma.2-4-2.64.best.json --z mean --whiten 32 --sigma_init 0.14 \
  --constant_sigma --mean_rate 0.3 --average 40 --seeds mirrored --num_episode 2 --patience 150 \
  --eval_steps 15 --eval_episodes 256 --precision bfloat16 --seed 6 --generations 60

# 6. The score. 1 minute. 898 +- 20 over 100 tracks.
python model.py norender log/carracing.cma.2.64.best.json
