"""A person plays, with a window and the keyboard."""

import itertools
import random

import numpy as np

from worldmodels.playing.window import load_pygame, need_display
from worldmodels.scripts.cli import non_negative_int


def read_keys(held):
    """Bring `held`, the set of names of the keys that are down, up to date.

    Returns "quit" after Esc or the window's closing, "restart" after R or enter, else None.
    """
    pygame, wish = load_pygame(), None
    for event in pygame.event.get():
        if event.type == pygame.QUIT:
            return "quit"
        if event.type == pygame.KEYUP:
            held.discard(pygame.key.name(event.key))
        if event.type == pygame.KEYDOWN:
            name = pygame.key.name(event.key)
            held.add(name)
            if name == "escape":
                return "quit"
            if name in ("r", "return"):
                wish = "restart"
    return wish


def play_script(parser, make_env, action_of, max_steps):
    """The main() of a script in which a person plays: parses its options, and plays until the person has had enough.

    parser: with the script's own options, to which --seed is added; make_env takes them by name. The rest: see
    play_by_hand().
    """
    add = parser.add_argument
    add("--seed", type=non_negative_int, help="of the first episode, the others follow; at random if not given")
    options = vars(parser.parse_args())
    need_display("playing takes a window and a keyboard")
    if (first := options.pop("seed")) is None:
        first = random.randrange(2**31)
    env = make_env(**options)
    play_by_hand(env, action_of, itertools.count(first), max_steps)
    env.close()


def left_or_right(held):
    """The action_of of a game with one action: (1,) float32, -1 with the left key, 1 with the right one, else 0."""
    return np.array([float("right" in held) - float("left" in held)], np.float32)


def play_by_hand(env, action_of, seeds, max_steps):
    """Let a person play a Gymnasium environment in render mode "human", one episode a seed; print each score.

    action_of(held): the action for a set of held keys' names ("left", "up", ...).
    R or enter goes on to the next episode, Esc or closing the window ends.
    """
    for seed in seeds:
        env.reset(seed=seed)
        held, wish, score, steps, ended = set(), None, 0.0, 0, False
        while not ended and wish is None:
            _, reward, terminated, truncated, _ = env.step(action_of(held))
            score += reward
            steps += 1
            ended = terminated or truncated or steps >= max_steps
            wish = read_keys(held)
        print(f"score {score:.1f} after {steps} frames", flush=True)
        if wish == "quit":
            return
