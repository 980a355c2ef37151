"""How V, M and C are trained: for V and M one loop, with checkpoints and losses."""
