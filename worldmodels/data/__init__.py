"""Random rollouts, the series that V makes of them, and the batches that V and M learn from."""
