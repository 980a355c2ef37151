"""Doom Take Cover. Importing this package registers the environments with Gymnasium."""

import gymnasium

gymnasium.register("WorldModels/DoomTakeCover-v0", entry_point="doomrnn.env:DoomTakeCover", max_episode_steps=2100)
gymnasium.register("WorldModels/DoomDream-v0", entry_point="doomrnn.dream_env:DoomDream", max_episode_steps=2100)
