#!/bin/sh
# What does C have to read? Table 1 of the paper, with the shipped V: ten runs of equal length, two of each kind.
# Three hours on 2 cores. Safe to run again: an evolution goes on where it was, or is skipped. Scores are played again.
set -e
cd "$(dirname "$0")/.."
[ ! -f ../.venv/bin/activate ] || . ../.venv/bin/activate

# An M that has learned nothing: it takes no step of training, so two episodes are enough.
python extract.py --episodes 2 --out weights/untrained/record
python series.py --data weights/untrained/record --vae pretrained/vae.weights.h5 --out weights/untrained/series.npz
python rnn_train.py --data weights/untrained/series.npz --out weights/untrained/rnn.weights.h5 --steps 0
cp pretrained/vae.weights.h5 weights/untrained/

# compare ROW SEED WEIGHTS OPTIONS: evolve C from nothing, then score it.
compare() {
  log=log/ablation/$1/$2 seed=$2 weights=$3
  shift 3
  python train.py --weights "$weights" --log "$log" --seed "$seed" "$@" --num_episode 2 --seeds common --patience 100 \
    --eval_steps 20 --eval_episodes 256 --precision bfloat16 --generations 40
  python model.py norender "$log"/*.best.json --weights "$weights"
}

for seed in 1 2; do
  compare z $seed pretrained --z mean --controller z
  compare z_hidden $seed pretrained --z mean --controller z_hidden
  compare z_h $seed pretrained --z mean
  compare untrained $seed weights/untrained --z mean
  compare drawn $seed pretrained --z sample
done
