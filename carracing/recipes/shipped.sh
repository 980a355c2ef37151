#!/bin/sh
# From the agent of laptop.sh, which has to have run, to the shipped one, on 2 cores. Safe to run again: every step goes
# on where it was, or is skipped. Needs the environment of `make setup`, 5 GB of disk and 3 GB of memory, 0.8 GB more for each core
# beyond two.
# Times were measured on 2 cores of an AMD EPYC that had other work too.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# 7. C, from that result. 50 minutes, 12 MB. The mean scores 897 on held-out tracks.
python train.py --weights weights/first --log log/second --init log/first/carracing.cma.2-4-2.64.best.json --z mean \
  --whiten 32 --sigma_init 0.14 --constant_sigma --mean_rate 0.3 --average 40 --seeds mirrored --num_episode 2 \
  --patience 150 --eval_steps 15 --eval_episodes 256 --precision bfloat16 --seed 6 --generations 60

# Then V, M and C learn on from what that agent meets: the paper's iterative procedure (section 5).

# 8. Its rollouts. 7 minutes, 1.6 GB. 49 m/s, and off the road in 4 % of the frames.
python extract.py --controller log/second/carracing.cma.2.64.best.json --weights weights/first --episodes 1000 \
  --seed 10000 --out record/agent

# 9. V, from where it was. 39 minutes, 70 MB. Reconstruction 8.8 and KL 32.1 on held-out frames of both.
python vae_train.py --init weights/first/vae.weights.h5 --precision bfloat16 --free_bits 1 --steps 18000 \
  --learning_rate 4e-4 --schedule cosine

# 10. The series. 4 minutes, 268 MB.
python series.py --precision bfloat16

# 11. M, from where it was. 17 minutes, 7 MB. 0.548 nats a dimension on held-out episodes.
python rnn_train.py --init weights/first/rnn.weights.h5 --precision bfloat16 --sequence 200 --batch_size 64 \
  --steps 4000 --learning_rate 5e-4 --schedule cosine

# 12. C, from one that acts as the former agent. 20 minutes, 12 MB. The mean scores 895 on held-out tracks.
python train.py --log log/third --init log/second/carracing.cma.2.64.best.json --imitate weights/first --z mean \
  --whiten 32 --sigma_init 0.14 --constant_sigma --mean_rate 0.3 --average 40 --seeds mirrored --num_episode 2 \
  --patience 150 --eval_steps 15 --eval_episodes 256 --precision bfloat16 --seed 8 --generations 30

# 13. C, in smaller steps. 36 minutes, 12 MB. The mean scores 911 on held-out tracks.
python train.py --init log/third/carracing.cma.2.64.best.json --z mean --whiten 32 --sigma_init 0.07 --constant_sigma \
  --mean_rate 0.5 --average 20 --seeds mirrored --num_episode 2 --patience 150 --eval_steps 10 --eval_episodes 256 \
  --precision bfloat16 --seed 9 --generations 60

# 14. The score. 1 minute. 907 +- 25 over 100 tracks.
python model.py norender log/carracing.cma.2.64.best.json
