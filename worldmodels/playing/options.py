"""The options of every task's model.py, in which the trained agent plays."""

from pathlib import Path

from worldmodels.computing import device
from worldmodels.controller import READS
from worldmodels.data import seeds
from worldmodels.parallel import shards
from worldmodels.parallel.processes import available_cores
from worldmodels.playing.evaluation import evaluate
from worldmodels.playing.watch import check_screen, watch
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError, positive_int, seed

EPISODES = 100  # what the paper's scores are taken over
REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / "results" if (REPOSITORY / "results").is_dir() else Path("results")  # it may be installed alone


def add_options(parser):
    add = parser.add_argument
    add("mode", choices=("norender", "render"), help="norender: scores only; render: watch")
    add("controller", metavar="FILE", help="parameters of C (<name>.best.json); its V and M are found by it")
    add("--episodes", type=positive_int, help=f"how many; if not given, {EPISODES} for norender and 1 for render")
    add("--seed", type=seed, default=seeds.TEST.start,  # of a range that training never uses
        help="of the first episode; the others follow")  # fmt: skip
    add("--workers", type=positive_int, default=available_cores(), help="norender: processes; no score depends on it")
    add("--slots", type=positive_int, default=32,
        help="episodes in lockstep in each process")  # fmt: skip
    add("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    precision.add_option(parser)
    device.add_option(parser, "norender: of V, M and C; with gpu, one process plays all --slots, and --workers step")
    add("--z", choices=READS,
        help="what C reads of V's N(mu, sigma^2): a draw or mu; if not given, what it was evolved on")  # fmt: skip
    add("--results", metavar="DIR", default=RESULTS, help="norender: folder for the JSON with all scores")
    shards.add_option(parser)
    add_screen_options(parser)


def add_screen_options(parser):
    """Where to show an episode, and how much of it."""
    add = parser.add_argument
    add("--video", metavar="FILE", help="write an .mp4 or .gif in place of a window; needs no display")
    add("--frames", type=positive_int, metavar="N", help="stop every episode after so many frames (a short video)")


def parse_options(parser):
    """The options of the command line as a dict, checked against one another; missing files of videos too."""
    options = vars(parser.parse_args())
    rendered = options["mode"] == "render"
    if not rendered and (options["video"] or options["frames"]):
        parser.error("--video and --frames go with render")
    if rendered and (options["shard"] != shards.WHOLE or options["device"] != "cpu"):
        parser.error("--shard and --device go with norender")
    options["episodes"] = options["episodes"] or (1 if rendered else EPISODES)
    if rendered:
        check_screen(options["video"])
    return options


def play_agent(task, where, *, mode, controller, dream=False, **options):
    """What model.py does: score the agent, or show it. where: names the world in a result's file.

    options: those of add_options() and add_screen_options(). `evaluate` and `watch` have most of them in common.
    """
    if dream and (options.get("z") or options.get("precision", "float32") != "float32"):
        raise UserError("--precision and --z do not go with a dream: V, which they are about, does not look at it")
    rendered = mode == "render"
    for name in ("workers", "results", "shard", "device") if rendered else ("video", "frames"):
        del options[name]
    if rendered:
        watch(task, controller, dream=dream, **options)
    else:
        evaluate(task, controller, where, dream=dream, **options)
