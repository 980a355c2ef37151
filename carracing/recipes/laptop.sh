#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make` (. ../.venv/bin/activate), 3 GB of disk and 2 GB of memory.
# Costs were measured on 2 cores that had other work too. V and M were made on a Xeon that computes in bfloat16.
set -e
cd "$(dirname "$0")/.."

# 1. Random rollouts. 5 minutes, 1.5 GB. You should see 33 m/s, and off the road in about 44 % of the frames.
python extract.py --episodes 1000 --seed 1

# 2. V. 19 minutes, 71 MB. Reconstruction 13.4 and KL 17.0 on held-out frames.
python vae_train.py --precision bfloat16 --steps 6300 --learning_rate 4e-4
python vae_train.py --precision bfloat16 --steps 8000 --learning_rate 1e-4

# 3. The series. 1.5 minutes, 134 MB.
python series.py --precision bfloat16

# 4. M. 5 minutes, 7 MB. 0.969 nats a dimension on held-out episodes.
python rnn_train.py --precision bfloat16 --steps 900 --sequence 200 --batch_size 64

# 5. C. {{EVO_TIME}}, 14 MB. {{EVO_SEE}}
python train.py --z mean --num_episode 1:2,50:4 --seeds common --patience 100 --slots 32 --eval_steps 15 \
  --eval_episodes 256 --seed 1 --generations {{GENS}}

# 6. The score. {{SCORE_TIME}}. {{SCORE}} over 100 tracks.
python model.py norender log/carracing.cma.2-4.64.best.json
