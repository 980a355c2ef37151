"""What the library needs to know of a task (examples/pole shows how to make one)."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from worldmodels.controller import Controller
from worldmodels.scripts.precision import PRECISIONS


def never(rewards, max_steps):
    """The `finished` of a task without a goal."""
    return False


@dataclasses.dataclass(frozen=True)
class Task:
    """A task's sizes, as in the paper's tables, its controller and its environment."""

    name: str
    folder: Path  # the scripts' folder, where weights/, pretrained/ and log/ are looked for
    make_env: Callable  # (render_mode=None, **options) -> a Gymnasium environment with 64x64 observations
    max_steps: int  # of an episode
    z_size: int
    hidden_size: int
    action_size: int
    to_action: Callable  # C's outputs (n, A) in [-1, 1] -> actions (n, A); with keras.ops or operators alone
    mirrored: Callable | None = None  # actions (T, A) -> those in a mirror; None: there it is another task
    controller: str = "z_h"  # the kind the paper uses for this task
    controller_bias: bool = True
    shortest_episode: int = 1  # frames: random rollouts that end sooner are not learned from
    end_logit: bool = False  # M also predicts the end of the episode, and reads a restart flag: C can learn in dreams
    endless_rows: bool = False  # M learns from episodes strung together, else from sequences that start from zero
    temperature: float = 1.0  # of its dreams
    fps: int = 50  # frames a second, for those who watch
    # For expert rollouts (data/expert.py), their card and their Minari dataset:
    env_id: str = ""  # under which Gymnasium knows the environment
    finished: Callable = never  # (rewards (T,) of an episode, max_steps) -> whether it reached its goal
    goal: str = "reached the goal"  # "finished the lap": what is said of those that did
    credits: str = ""  # a sentence on whose pictures the observations show

    def weights_folders(self, weights=None):
        """Where to look for V and M: in `weights` if given, else in weights/ (one's own) and pretrained/ (shipped)."""
        return [Path(weights)] if weights else [self.folder / "weights", self.folder / "pretrained"]

    @property
    def shipped(self):
        """The file of the C that comes with the repository; None where pretrained/ has none, or several."""
        paths = list((self.folder / "pretrained").glob("*.best.json"))
        return paths[0] if len(paths) == 1 else None

    def make_controller(self, kind=None):
        """The task's controller, or one of another kind (controller.KINDS)."""
        return Controller(
            kind or self.controller, self.z_size, self.hidden_size, self.action_size, self.controller_bias
        )

    def make_vae(self, precision="float32"):
        """An untrained V."""
        from worldmodels.vae import VAE

        return VAE(self.z_size, dtype=PRECISIONS[precision])

    def make_rnn(self, precision="float32"):
        """An untrained M."""
        from worldmodels.rnn import MDNRNN

        sizes = self.z_size, self.action_size, self.hidden_size
        return MDNRNN(*sizes, done=self.end_logit, dtype=PRECISIONS[precision])
