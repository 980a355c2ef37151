"""Which seeds are for what. The ranges share no number, so that no score is ever measured on a seed trained on."""

TRAINING = range(0, 2**30)  # random rollouts (from 0 up) and evolution (drawn afresh each generation)
EVALUATION = range(2**30, 3 * 2**29)  # the mean of the distribution during evolution: what the best is chosen by
EXPERT = range(3 * 2**29, 2**31 - 2**20)  # expert rollouts
TEST = range(2**31 - 2**20, 2**31)  # the scores that are reported, and nothing else
