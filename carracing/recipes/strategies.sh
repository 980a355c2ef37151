#!/bin/sh
# How far do other strategies come with the episodes that CMA-ES has in ablation.sh (z_h)? Four of evosax, two seeds each.
# Some hours on 2 cores. Needs ../requirements-jax.txt.
# Safe to run again: an evolution goes on where it was, or is skipped. Scores are played again.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

for seed in 1 2; do
  for strategy in openes pepg snes ga; do
    log=log/strategies/$strategy/$seed
    python train.py -o $strategy --weights pretrained --log $log --seed $seed --z mean --num_episode 2 --seeds common \
      --patience 100 --eval_steps 20 --eval_episodes 256 --precision bfloat16 --generations 40
    python model.py norender $log/*.best.json --weights pretrained
  done
done
