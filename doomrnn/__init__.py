"""Doom Take Cover. Importing this package registers the environments with Gymnasium."""

import gymnasium

gymnasium.register("WorldModels/DoomTakeCover-v0", entry_point="doomrnn.doomreal:DoomTakeCover", max_episode_steps=2100)
gymnasium.register("WorldModels/DoomDream-v0", entry_point="doomrnn.doomrnn:DoomDream", max_episode_steps=2100)
