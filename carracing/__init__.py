"""CarRacing. Importing this package registers the environments with Gymnasium."""

import gymnasium

gymnasium.register("WorldModels/CarRacing-v0", entry_point="carracing.env:CarRacing", max_episode_steps=1000)
gymnasium.register(
    "WorldModels/CarRacingDream-v0", entry_point="carracing.dream_env:CarRacingDream", max_episode_steps=1000
)
