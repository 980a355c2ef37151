#!/bin/sh
# The dream's temperature (table 2 of the paper), with the shipped V and M: evolutions from nothing at five temperatures, with two
# seeds each. Some hours on 2 cores. Safe to run again: an evolution goes on where it was, or is skipped. Scores are played again.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

for seed in 1 2; do
  for temperature in 1.15 0.1 0.5 1.0 1.3; do
    log=log/temperature/$temperature/$seed
    python train.py --weights pretrained --temperature $temperature --log $log --seed $seed --seeds common --eval_steps 8 \
      --eval_episodes 256 --precision bfloat16 --generations 40
    python model.py doomreal norender $log/*.best.json --weights pretrained
    python model.py doomrnn norender $log/*.best.json --weights pretrained
  done
done
