"""How V and M are trained: one loop, with checkpoints and losses."""
