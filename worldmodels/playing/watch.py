"""Watching the agent, in its environment or in its own dream: in a window, or in a video file."""

import contextlib

from tqdm import tqdm

from worldmodels.parallel.threads import limit_threads, quiet_stderr
from worldmodels.playing import evaluation
from worldmodels.playing.video import check_video, side_by_side, write_video
from worldmodels.playing.window import Window, need_display, read_keys
from worldmodels.scripts.cli import positive_int


class Closed(Exception):
    """The person closed the window."""


def add_options(parser):
    """Where to show, and how much of it."""
    add = parser.add_argument
    add("--video", metavar="FILE", help="write an .mp4 or .gif in place of a window; needs no display")
    add("--frames", type=positive_int, metavar="N", help="stop every episode after so many frames (a short video)")


def parse_options(parser):
    """The options of every task's model.py, beside those that `parser` has: parsed, and checked against one another."""
    parser.add_argument("mode", choices=("norender", "render"), help="norender: scores only; render: watch")
    evaluation.add_options(parser)
    add_options(parser)
    options = parser.parse_args()
    if options.mode == "norender" and (options.video or options.frames):
        parser.error("--video and --frames go with render")
    options.episodes = options.episodes or (evaluation.EPISODES if options.mode == "norender" else 1)
    if options.mode == "render":
        check_screen(options)
    return options


def check_screen(options):
    """UserError, before anything is loaded, if the video cannot be written, or without one if there is no display."""
    if options.video:
        check_video(options.video)
    else:
        need_display("add --video FILE.mp4 to write a video instead")


@contextlib.contextmanager
def open_screen(options, title, fps):
    """Yield show(picture), of a window or of the video file. Esc, or closing the window, just ends the block."""
    if options.video:
        with write_video(options.video, fps) as write:
            yield write
        print(f"wrote {options.video}")
        return
    window = Window(title, fps)

    def show(picture):
        window.show(picture)
        if read_keys(set()) == "quit":
            raise Closed

    try:
        yield show
    except Closed:
        pass
    finally:
        window.close()


class Spectator:
    """An agent for a rollout loop of one slot: shows the game, what V sees and what V makes of it, then acts."""

    def __init__(self, agent, env, show):
        self.agent, self.env, self.show = agent, env, show

    def start(self, slot, job):
        self.agent.start(slot, job)

    def act(self, slots, observations):
        from worldmodels.dream import decode

        actions = self.agent.act(slots, observations)
        panels = [("game", self.env.render()), ("what V sees", observations[0])]
        panels.append(("what V makes of it", decode(self.agent.graph.vae, self.agent.z[:1])[0]))
        self.show(side_by_side(panels))
        return actions


def watch_agent(task, options):
    """Play options.episodes episodes from options.seed on, and show them; print each score.

    The batch has options.slots rows although only one plays: so each episode is the very one that `evaluate` scores.
    """
    from worldmodels.rollout import Job, run_episodes

    limit_threads()
    agent, params, _ = evaluation.load(task, options, options.slots)
    env = task.make_env(render_mode="rgb_array")
    max_steps = min(options.frames or task.max_steps, task.max_steps)
    jobs = [Job(seed, params) for seed in range(options.seed, options.seed + options.episodes)]
    fps, frames = env.metadata["render_fps"], len(jobs) * max_steps
    with open_screen(options, task.name, fps) as show, tqdm(total=frames, unit="frame") as progress:

        def show_and_count(picture):
            show(picture)
            progress.update()

        for episode in run_episodes([env], Spectator(agent, env, show_and_count), jobs, max_steps):
            tqdm.write(f"seed {episode.job.seed}: {episode.score:.1f} after {episode.steps} frames")


def watch_dream(task, options, fps):
    """The agent plays options.episodes dreams from options.seed on, and what V makes of them is shown.

    At options.temperature (see load_dreamer). As in watch_agent, the batch has options.slots rows.
    """
    limit_threads()
    with quiet_stderr():
        from worldmodels.dream import decode, dream, load_dreamer

        world, graph, params, facts = load_dreamer(task, options)
    max_steps = min(options.frames or task.max_steps, task.max_steps)
    caption = f"a dream at temperature {facts['temperature']:g}"
    frames = options.episodes * max_steps
    with open_screen(options, f"{task.name}: the dream", fps) as show, tqdm(total=frames, unit="frame") as progress:
        for seed in range(options.seed, options.seed + options.episodes):
            before = progress.n
            for z, _, _ in dream(world, graph, params, [seed], max_steps, options.slots):
                show(side_by_side([(caption, decode(world.vae, z)[0])]))
                progress.update()
            tqdm.write(f"seed {seed}: dreamt {progress.n - before} frames")
