#!/bin/sh
# From nothing to the shipped agent, on 2 cores. Safe to run again: every step goes on where it was, or is skipped.
# Needs the environment of `make setup`, 64 GB of disk and 4 GB of memory.
# Times were measured on 2 cores of an AMD EPYC (Zen 4) that had other work too; those of V and M follow from
# results/benchmark_training.json.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# First an agent that has learned from random play.

# 1. Random rollouts. 8 minutes, 5.4 GB. You should see 317 +- 159 frames an episode, 4 % dropped.
python extract.py --episodes 4000 --out record/former/before/early/random

# 2. V. 56 minutes, 71 MB. Reconstruction 7.0 and KL 32.0 on held-out frames.
python vae_train.py --data record/former/before/early/random --out weights/first/vae.weights.h5 --precision bfloat16 --steps 28000 \
  --learning_rate 4e-4 --schedule cosine

# 3. The series. 5 minutes, 327 MB. 1.27 million frames.
python series.py --data record/former/before/early/random --vae weights/first/vae.weights.h5 --out series/first.npz --precision bfloat16

# 4. M. 35 minutes, 28 MB. 0.976 nats a dimension on held-out episodes.
python rnn_train.py --data series/first.npz --out weights/first/rnn.weights.h5 --precision bfloat16 --batch_size 32 \
  --sequence 100 --steps 12000 --schedule cosine

# 5. C, in the dream alone. 54 minutes, 21 MB. The best mean survives 1,580 steps of the dream.
python train.py --weights weights/first --log log/first --seeds common --eval_steps 4 --eval_episodes 256 --seed 1 \
  --generations 64

# Then V, M and C learn on from what that agent meets: the paper's iterative procedure (section 5).

# 6. Its rollouts. 15 minutes, 4.6 GB. 688 +- 409 frames an episode, 0.3 % dropped.
python extract.py --controller log/first/doomrnn.cma.16.64.best.json --weights weights/first --episodes 1500 \
  --out record/former/before/early/agent

# 7. V, from where it was. 28 minutes, 71 MB. Reconstruction 7.6 and KL 32.0 on held-out frames of both.
python vae_train.py --init weights/first/vae.weights.h5 --data record/former/before/early --out weights/second/vae.weights.h5 \
  --precision bfloat16 --steps 14000 --learning_rate 2e-4 --schedule cosine

# 8. The series. 7 minutes, 593 MB. 2.30 million frames.
python series.py --data record/former/before/early --vae weights/second/vae.weights.h5 --out series/second.npz --precision bfloat16

# 9. M, from where it was. 23 minutes, 28 MB. 0.971 nats a dimension on held-out episodes.
python rnn_train.py --init weights/first/rnn.weights.h5 --data series/second.npz --out weights/second/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 8000 --learning_rate 5e-4 --schedule cosine

# 10. C, from where it was. 26 minutes, 21 MB. The best mean survives 985 steps of the dream.
python train.py --weights weights/second --log log/second --init log/first/doomrnn.cma.16.64.best.json --seeds common \
  --eval_steps 4 --eval_episodes 256 --seed 2 --generations 40

# The same from what this agent meets.

# 11. Its rollouts. 13 minutes, 4.8 GB. 723 +- 467 frames an episode, 0.6 % dropped.
python extract.py --controller log/second/doomrnn.cma.16.64.best.json --weights weights/second --episodes 1500 \
  --out record/former/before/late

# 12. V. 24 minutes, 71 MB. Reconstruction 7.4 and KL 32.0 on held-out frames of all three.
python vae_train.py --init weights/second/vae.weights.h5 --data record/former/before --out weights/third/vae.weights.h5 \
  --precision bfloat16 --steps 12000 --learning_rate 2e-4 --schedule cosine

# 13. The series. 12 minutes, 873 MB. 3.38 million frames.
python series.py --data record/former/before --vae weights/third/vae.weights.h5 --out series/third.npz --precision bfloat16

# 14. M. 23 minutes, 28 MB. 0.957 nats a dimension on held-out episodes.
python rnn_train.py --init weights/second/rnn.weights.h5 --data series/third.npz --out weights/third/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 8000 --learning_rate 5e-4 --schedule cosine

# 15. C, in whitened coordinates. 45 minutes, 21 MB. The best mean survives 1,077 steps of the dream.
python train.py --weights weights/third --log log/third --init log/second/doomrnn.cma.16.64.best.json --whiten 256 \
  --seeds common --eval_steps 4 --eval_episodes 256 --seed 3 --generations 76

# And from what that one meets, with more free bits for V, so that it keeps small things.

# 16. Its rollouts. 10 minutes, 2.8 GB. 428 +- 370 frames an episode, 1 % dropped.
python extract.py --controller log/third/doomrnn.cma.16.64.best.json --weights weights/third --episodes 1500 \
  --out record/former/last

# 17. V. 80 minutes, 71 MB. Reconstruction 6.0 and KL 64.0 on held-out frames of all four.
python vae_train.py --init weights/third/vae.weights.h5 --data record/former --out weights/fourth/vae.weights.h5 \
  --precision bfloat16 --free_bits 1 --steps 40000 --learning_rate 3e-4 --schedule cosine

# 18. The series. 12 minutes, 1.04 GB. 4.03 million frames.
python series.py --data record/former --vae weights/fourth/vae.weights.h5 --out series/fourth.npz --precision bfloat16

# 19. M. 35 minutes, 28 MB. 0.563 nats a dimension on held-out episodes.
python rnn_train.py --init weights/third/rnn.weights.h5 --data series/fourth.npz --out weights/fourth/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 12000 --learning_rate 5e-4 --schedule cosine

# 20. C. 28 minutes, 21 MB. The best mean survives 849 steps of the dream.
python train.py --weights weights/fourth --log log/fourth --init log/third/doomrnn.cma.16.64.best.json --whiten 256 \
  --seeds common --eval_steps 4 --eval_episodes 256 --seed 5 --generations 64

# 21. C, in small steps. 30 minutes, 21 MB. The best mean survives 935 steps of the dream.
python train.py --weights weights/fourth --log log/fifth --init log/fourth/doomrnn.cma.16.64.best.json --z mean \
  --whiten 256 --sigma_init 0.2 --constant_sigma --mean_rate 0.5 --average 20 --seeds mirrored --eval_steps 10 \
  --eval_episodes 512 --seed 7 --generations 70

# 22. C, in larger steps. 67 minutes, 29 MB. The best mean survives 1,046 steps of the dream.
python train.py --weights weights/fourth --log log/sixth --init log/fifth/doomrnn.cma.16.64.best.json --z mean \
  --whiten 256 --sigma_init 0.35 --constant_sigma --mean_rate 0.5 --average 20 --seeds mirrored --eval_steps 20 \
  --eval_episodes 1024 --precision bfloat16 --seed 11 --generations 200

# Once more, from random play and what the last two agents meet, with still more free bits.

# 23. Rollouts. 100 minutes, 15.3 GB. 321 +- 161 frames an episode of random play, 394 +- 349 and 425 +- 367 of the agents'.
python extract.py --episodes 3000 --seed 500000 --out record/fifth/before/next/random
python extract.py --controller log/fifth/doomrnn.cma.16.64.best.json --weights weights/fourth --episodes 5000 --seed 600000 \
  --out record/fifth/before/next/agent
python extract.py --controller log/sixth/doomrnn.cma.16.64.best.json --weights weights/fourth --episodes 1500 --seed 700000 \
  --out record/fifth/before/next/late

# 24. V. 60 minutes, 71 MB. Reconstruction 5.7 and KL 96.0 on held-out frames of all three.
python vae_train.py --init weights/fourth/vae.weights.h5 --data record/fifth/before/next --precision bfloat16 --free_bits 1.5 \
  --steps 30000 --learning_rate 3e-4 --schedule cosine --out weights/fifth/vae.weights.h5

# 25. V once more. 40 minutes, 71 MB. Reconstruction 5.7.
python vae_train.py --init weights/fifth/vae.weights.h5 --data record/fifth/before/next --seed 2 --precision bfloat16 \
  --free_bits 1.5 --steps 20000 --learning_rate 3e-4 --schedule cosine

# 26. The series. 14 minutes, 920 MB. 3.57 million frames.
python series.py --data record/fifth/before/next --out series/fifth.npz --precision bfloat16

# 27. M. 35 minutes, 28 MB. 0.120 nats a dimension on held-out episodes.
mkdir -p weights/sixth
cp weights/vae.weights.h5 weights/sixth/
python rnn_train.py --init weights/fourth/rnn.weights.h5 --data series/fifth.npz --out weights/sixth/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 12000 --learning_rate 5e-4 --schedule cosine

# 28. C. 36 minutes, 29 MB. The best mean survives 1,046 steps of the dream.
python train.py --weights weights/sixth --log log/seventh --init log/sixth/doomrnn.cma.16.64.best.json --z mean --whiten 256 \
  --sigma_init 0.35 --constant_sigma --mean_rate 0.5 --average 20 --seeds mirrored --eval_steps 20 --eval_episodes 1024 \
  --precision bfloat16 --seed 21 --generations 100

# M has seen little of what comes after 1,000 frames. So the last two agents play again, with little noise, and M learns on from
# these episodes too, and from all of them as they are in a mirror.

# 29. Rollouts. 20 minutes, 7.3 GB. 858 +- 541 and 780 +- 531 frames an episode.
python extract.py --controller log/sixth/doomrnn.cma.16.64.best.json --weights weights/fourth --noise 0.15 --episodes 1200 \
  --seed 910000 --out record/fifth/before/near/shipped
python extract.py --controller log/seventh/doomrnn.cma.16.64.best.json --weights weights/sixth --noise 0.15 --episodes 800 \
  --seed 920000 --out record/fifth/before/near/next

# 30. The series, of all and their mirror images, and that of the last rollouts alone. 40 minutes, 3.5 GB. 10.4 and 3.3 million frames.
python series.py --data record/fifth/before --mirror --out series/seventh.npz --precision bfloat16
python series.py --data record/fifth/before/near --mirror --out series/near.npz --precision bfloat16

# 31. M, from where it was. 30 minutes, 37 MB. 0.129 nats a dimension on held-out episodes.
mkdir -p weights/seventh
cp weights/vae.weights.h5 weights/seventh/
python rnn_train.py --init weights/sixth/rnn.weights.h5 --data series/seventh.npz --out weights/seventh/rnn.weights.h5 \
  --precision bfloat16 --batch_size 32 --sequence 100 --steps 9000 --learning_rate 5e-4 --schedule cosine --midway series/near.npz

# 32. C, in dreams that begin midway. 63 minutes, 29 MB. The best mean survives 1,015 steps of them.
python train.py --weights weights/seventh --log log/eighth --init log/seventh/doomrnn.cma.16.64.best.json --midway \
  --median_ends --z mean --whiten 256 --sigma_init 0.6 --constant_sigma --mean_rate 0.3 --average 20 --seeds mirrored \
  --eval_steps 20 --eval_episodes 1024 --precision bfloat16 --seed 48 --generations 160

# Late in an episode, M has seen only agents that play well. So it foresees that all goes well, whatever C does. Now the agent
# explores: for 15 % of the time its actions are random.

# 33. Rollouts. 20 minutes, 6.2 GB. 843 +- 574 frames an episode, and 796 +- 532 with random actions.
python extract.py --controller log/eighth/doomrnn.cma.16.64.best.json --weights weights/seventh --noise 0.15 --episodes 600 \
  --seed 930000 --out record/fifth/wide/plain
python extract.py --controller log/eighth/doomrnn.cma.16.64.best.json --weights weights/seventh --noise 0.15 --explore 0.15 \
  --episodes 1200 --seed 940000 --out record/fifth/wide/explore

# 34. The series. 45 minutes, 4.2 GB. 13.4 and 2.9 million frames.
python series.py --data record/fifth --mirror --precision bfloat16
python series.py --data record/fifth/wide --mirror --out series/wide.npz --precision bfloat16

# 35. M. 50 minutes, 37 MB. 0.133 nats a dimension on held-out episodes.
python rnn_train.py --init weights/seventh/rnn.weights.h5 --precision bfloat16 --batch_size 32 --sequence 100 --steps 15000 \
  --learning_rate 5e-4 --schedule cosine --midway series/wide.npz

# 36. C. 66 minutes, 29 MB. The best mean survives 1,218 steps of its dreams.
python train.py --init log/eighth/doomrnn.cma.16.64.best.json --midway --median_ends --z mean --whiten 256 --sigma_init 0.6 \
  --constant_sigma --mean_rate 0.3 --average 20 --seeds mirrored --eval_steps 20 --eval_episodes 1024 --precision bfloat16 \
  --seed 53 --generations 180

# 37. The score. 4 minutes. 1015 +- 591 tics in the game, 1382 +- 692 in the dream.
python model.py doomreal norender log/doomrnn.cma.16.64.best.json
python model.py doomrnn norender log/doomrnn.cma.16.64.best.json
