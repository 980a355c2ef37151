#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 5 GB of disk and 3 GB of memory.
# Times were measured on 2 cores that had other work too; those of steps 2 and 4 follow from
# results/benchmark_training.json. Steps 2, 4, 7 and 9 ran on processors that compute in bfloat16.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# First an agent that has learned from random driving.

# 1. Random rollouts. 5 minutes, 1.6 GB. You should see 33 m/s, and off the road in about 44 % of the frames.
python extract.py --episodes 1000 --seed 1 --out record/random

# 2. V. 30 minutes, 70 MB. Reconstruction 13.4 and KL 17.0 on held-out frames.
python vae_train.py --data record/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 6300 \
  --learning_rate 4e-4
python vae_train.py --data record/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 8000 \
  --learning_rate 1e-4

# 3. The series. 1.5 minutes, 134 MB.
python series.py --data record/random --vae weights/first/vae.weights.h5 --out series/first.npz --precision bfloat16

# 4. M. 4 minutes, 7 MB. 0.969 nats a dimension on held-out episodes.
python rnn_train.py --data series/first.npz --out weights/first/rnn.weights.h5 --precision bfloat16 --steps 900 \
  --sequence 200 --batch_size 64

# 5a. C, from nothing. 67 minutes, 12 MB. The mean scores 890 on held-out tracks.
python train.py --weights weights/first --log log/first --z mean --num_episode 1:2,40:4,60:2 --seeds common \
  --patience 100 --eval_steps 10 --eval_episodes 64 --precision bfloat16 --seed 1 --generations 70

# 5b. C, from that result. 48 minutes, 12 MB. The mean scores 897 on held-out tracks.
python train.py --weights weights/first --log log/second --init log/first/carracing.cma.2-4-2.64.best.json --z mean \
  --whiten 32 --sigma_init 0.14 --constant_sigma --mean_rate 0.3 --average 40 --seeds mirrored --num_episode 2 \
  --patience 150 --eval_steps 15 --eval_episodes 256 --precision bfloat16 --seed 6 --generations 60

# Then V, M and C learn on from what that agent meets: the paper's iterative procedure (section 5).

# 6. Its rollouts. 7 minutes, 1.6 GB. 49 m/s, and off the road in 4 % of the frames.
python extract.py --controller log/second/carracing.cma.2.64.best.json --weights weights/first --episodes 1000 \
  --seed 10000 --out record/agent

# 7. V, from where it was. 39 minutes, 70 MB. Reconstruction 8.8 and KL 32.1 on held-out frames of both.
python vae_train.py --init weights/first/vae.weights.h5 --precision bfloat16 --free_bits 1 --steps 18000 \
  --learning_rate 4e-4 --schedule cosine

# 8. The series. 4 minutes, 268 MB.
python series.py --precision bfloat16

# 9. M, from where it was. 17 minutes, 7 MB. 0.548 nats a dimension on held-out episodes.
python rnn_train.py --init weights/first/rnn.weights.h5 --precision bfloat16 --sequence 200 --batch_size 64 \
  --steps 4000 --learning_rate 5e-4 --schedule cosine

# 10a. C, from one that acts as the former agent. 20 minutes, 12 MB. The mean scores 895 on held-out tracks.
python train.py --log log/third --init log/second/carracing.cma.2.64.best.json --imitate weights/first --z mean \
  --whiten 32 --sigma_init 0.14 --constant_sigma --mean_rate 0.3 --average 40 --seeds mirrored --num_episode 2 \
  --patience 150 --eval_steps 15 --eval_episodes 256 --precision bfloat16 --seed 8 --generations 30

# 10b. C, in smaller steps. 36 minutes, 12 MB. The mean scores 911 on held-out tracks.
python train.py --init log/third/carracing.cma.2.64.best.json --z mean --whiten 32 --sigma_init 0.07 --constant_sigma \
  --mean_rate 0.5 --average 20 --seeds mirrored --num_episode 2 --patience 150 --eval_steps 10 --eval_episodes 256 \
  --precision bfloat16 --seed 9 --generations 60

# 11. The score. 1 minute. 907 +- 25 over 100 tracks.
python model.py norender log/carracing.cma.2.64.best.json
