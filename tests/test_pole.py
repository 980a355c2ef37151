"""The third task, examples/pole, from random rollouts to an agent, at a tiny scale."""

import json

from scripts import Scripts

POLE = Scripts("examples/pole")


def test_a_task_of_ones_own_goes_through_every_step(tmp_path):
    assert "frames an episode" in POLE.run(tmp_path, "extract.py", "--episodes", 6, "--workers", 1)
    POLE.run(tmp_path, "vae_train.py", "--steps", 4, "--batch_size", 10)
    POLE.run(tmp_path, "series.py")
    POLE.run(tmp_path, "rnn_train.py", "--steps", 2, "--batch_size", 2, "--sequence", 10)
    small = ["--popsize", 4, "--num_episode", "1:1,2:2", "--generations", 2, "--eval_steps", 2, "--eval_episodes", 3]
    POLE.run(tmp_path, "train.py", *small, "--workers", 1, "--slots", 4)
    best = tmp_path / "log" / "pole.cma.1-2.4.best.json"
    parameters, score = json.loads(best.read_text())
    assert len(parameters) == 8 + 64 + 1 and score >= 1
    play = ["norender", best, "--weights", "weights", "--episodes", 2, "--slots", 2, "--workers", 1]
    assert "average_reward" in POLE.run(tmp_path, "model.py", *play)
    assert "average_reward" in POLE.run(tmp_path, "model.py", *play, "--dream")
    assert len(list((tmp_path / "results").glob("pole.*.json"))) == 2
