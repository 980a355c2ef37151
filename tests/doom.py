"""Episodes of Take Cover, and the processes that play them."""

import os
from pathlib import Path

import numpy as np
import proc

from doomrnn.env import MAX_STEPS


def some_actions(seed, steps=MAX_STEPS):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, 1)).astype(np.float32)


def episode(env, seed, actions, at_step=None):
    """observations (T + 1, 64, 64, 3) and rewards (T,); at_step(t) is called before each step."""
    observations, rewards, ended = [env.reset(seed=seed)[0]], [], False
    for t, action in enumerate(actions):
        if at_step:
            at_step(t)
        observation, reward, terminated, truncated, _ = env.step(action)
        observations.append(observation)
        rewards.append(reward)
        if ended := terminated or truncated:
            break
    assert ended or len(rewards) == len(actions)
    return np.array(observations), rewards


def same(one, other):
    return np.array_equal(one[0], other[0]) and one[1] == other[1]


def processes(program, parent=None):
    """Of the games of a process (this one, if None): the number and the words of each process that runs `program`.

    program: "vizdoom", or "game.py", which has ViZDoom's library.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
            leader = proc.group(folder.name)
            if program in [Path(word).name for word in words[:3]] and proc.parent(leader) == (parent or os.getpid()):
                found[int(folder.name)] = words
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def shared_memory(words):
    """The files of a ViZDoom that was started with these words."""
    name = words[words.index("+viz_instance_id") + 1]
    return [Path(f"/dev/shm/ViZDoom{kind}{name}") for kind in ("SM", "MQCtr", "MQDoom")]
