#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 24 GB of disk and 4 GB of memory.
# Times were measured on 2 cores of an AMD EPYC (Zen 4) that had other work too; those of V and M follow from
# results/benchmark_training.json.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# First an agent that has learned from random play.

# 1. Random rollouts. 8 minutes, 5.4 GB. You should see 317 +- 159 frames an episode, 4 % dropped.
python extract.py --episodes 4000 --out record/before/early/random

# 2. V. 56 minutes, 71 MB. Reconstruction 7.0 and KL 32.0 on held-out frames.
python vae_train.py --data record/before/early/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 28000 \
  --learning_rate 4e-4 --schedule cosine

# 3. The series. 5 minutes, 327 MB. 1.27 million frames.
python series.py --data record/before/early/random --vae weights/first/vae.weights.h5 --out series/first.npz --precision bfloat16

# 4. M. 35 minutes, 28 MB. 0.976 nats a dimension on held-out episodes.
python rnn_train.py --data series/first.npz --out weights/first/rnn.weights.h5 --precision bfloat16 --batch_size 32 \
  --sequence 100 --steps 12000 --schedule cosine

# 5. C, in the dream alone. 54 minutes, 21 MB. The best mean survives 1,580 steps of the dream.
python train.py --weights weights/first --log log/first --seeds common --eval_steps 4 --eval_episodes 256 --seed 1 \
  --generations 64

# Then V, M and C learn on from what that agent meets: the paper's iterative procedure (section 5).

# 6. Its rollouts. 15 minutes, 4.6 GB. 688 +- 409 frames an episode, 0.3 % dropped.
python extract.py --controller log/first/doomrnn.cma.16.64.best.json --weights weights/first --episodes 1500 \
  --out record/before/early/agent

# 7. V, from where it was. 28 minutes, 71 MB. Reconstruction 7.6 and KL 32.0 on held-out frames of both.
python vae_train.py --init weights/first/vae.weights.h5 --data record/before/early --out weights/second/vae.weights.h5 \
  --precision bfloat16 --steps 14000 --learning_rate 2e-4 --schedule cosine

# 8. The series. 7 minutes, 593 MB. 2.30 million frames.
python series.py --data record/before/early --vae weights/second/vae.weights.h5 --out series/second.npz --precision bfloat16

# 9. M, from where it was. 23 minutes, 28 MB. 0.971 nats a dimension on held-out episodes.
python rnn_train.py --init weights/first/rnn.weights.h5 --data series/second.npz --out weights/second/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 8000 --learning_rate 5e-4 --schedule cosine

# 10. C, from where it was. 26 minutes, 21 MB. The best mean survives 985 steps of the dream.
python train.py --weights weights/second --log log/second --init log/first/doomrnn.cma.16.64.best.json --seeds common \
  --eval_steps 4 --eval_episodes 256 --seed 2 --generations 40

# The same from what this agent meets.

# 11. Its rollouts. 13 minutes, 4.8 GB. 723 +- 467 frames an episode, 0.6 % dropped.
python extract.py --controller log/second/doomrnn.cma.16.64.best.json --weights weights/second --episodes 1500 \
  --out record/before/late

# 12. V. 24 minutes, 71 MB. Reconstruction 7.4 and KL 32.0 on held-out frames of all three.
python vae_train.py --init weights/second/vae.weights.h5 --data record/before --out weights/third/vae.weights.h5 \
  --precision bfloat16 --steps 12000 --learning_rate 2e-4 --schedule cosine

# 13. The series. 12 minutes, 873 MB. 3.38 million frames.
python series.py --data record/before --vae weights/third/vae.weights.h5 --out series/third.npz --precision bfloat16

# 14. M. 23 minutes, 28 MB. 0.957 nats a dimension on held-out episodes.
python rnn_train.py --init weights/second/rnn.weights.h5 --data series/third.npz --out weights/third/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 8000 --learning_rate 5e-4 --schedule cosine

# 15. C, in whitened coordinates. 45 minutes, 21 MB. The best mean survives 1,077 steps of the dream.
python train.py --weights weights/third --log log/third --init log/second/doomrnn.cma.16.64.best.json --whiten 256 \
  --seeds common --eval_steps 4 --eval_episodes 256 --seed 3 --generations 80

# And from what that one meets, with more free bits for V, so that it keeps small things.

# 16. Its rollouts. 10 minutes, 2.8 GB. 428 +- 370 frames an episode, 1 % dropped.
python extract.py --controller log/third/doomrnn.cma.16.64.best.json --weights weights/third --episodes 1500 \
  --out record/last

# 17. V. 80 minutes, 71 MB. Reconstruction 6.0 and KL 64.0 on held-out frames of all four.
python vae_train.py --init weights/third/vae.weights.h5 --precision bfloat16 --free_bits 1 --steps 40000 \
  --learning_rate 3e-4 --schedule cosine

# 18. The series. 12 minutes, 1.04 GB. 4.03 million frames.
python series.py --precision bfloat16

# 19. M. 35 minutes, 28 MB. 0.563 nats a dimension on held-out episodes.
python rnn_train.py --init weights/third/rnn.weights.h5 --precision bfloat16 --batch_size 32 --sequence 100 --steps 12000 \
  --learning_rate 5e-4 --schedule cosine

# 20. C. 28 minutes, 21 MB. The best mean survives 849 steps of the dream.
python train.py --log log/fourth --init log/third/doomrnn.cma.16.64.best.json --whiten 256 --seeds common --eval_steps 4 \
  --eval_episodes 256 --seed 5 --generations 66

# 21. C, in small steps. 29 minutes, 21 MB. The best mean survives 935 steps of the dream.
python train.py --log log/fifth --init log/fourth/doomrnn.cma.16.64.best.json --z mean --whiten 256 --sigma_init 0.2 \
  --constant_sigma --mean_rate 0.5 --average 20 --seeds mirrored --eval_steps 10 --eval_episodes 512 --seed 7 --generations 70

# 22. C, in larger steps. 67 minutes, 29 MB. The best mean survives 1,046 steps of the dream.
python train.py --init log/fifth/doomrnn.cma.16.64.best.json --z mean --whiten 256 --sigma_init 0.35 --constant_sigma \
  --mean_rate 0.5 --average 20 --seeds mirrored --eval_steps 20 --eval_episodes 1024 --precision bfloat16 --seed 11 \
  --generations 200

# 23. The score. 4 minutes. 956 +- 543 tics in the game, 985 +- 570 in the dream.
python model.py doomreal norender log/doomrnn.cma.16.64.best.json
python model.py doomrnn norender log/doomrnn.cma.16.64.best.json
