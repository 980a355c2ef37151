"""Print the tables of results in the READMEs, made anew from the raw numbers: python results/tables.py"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import published

from worldmodels.controller import fingerprint_in_file
from worldmodels.data.seeds import TEST
from worldmodels.files.reading import load_json
from worldmodels.scripts.cli import Parser, UserError, run
from worldmodels.scripts.precision import PRECISIONS

RESULTS = Path(__file__).resolve().parent
ROOT = RESULTS.parent
EPISODES = 100  # that a score is taken over
TEMPERATURES = ("0.5", "1.0", "1.15", "1.3")
SHIPPED = "1.15"
READS = {  # what C reads in carracing/recipes/ablation.sh: words, and the row of published.CARRACING beside it
    "z": ("z alone", "paper: V alone"),
    "z_hidden": ("z, through a hidden layer", "paper: V alone, C with a hidden layer"),
    "z_h": ("z and h", "paper: V and M"),
    "untrained": ("z and the h of an M that has learned nothing", None),
    "drawn": ("a drawn z, and h", None),
}
TIMES = (0, 300, 600, 1000, 1500, 2100)  # tics; the game has no more
TIMES_C_PLAYS = 1800 * 64 * 16 + 1800 // 25 * 1024  # the paper's generations, and evaluations of 1,024 episodes
FULL_SCALE = ("step", "what", "on 2 cores", "in bfloat16")
PLAYERS = {
    "fresh": "a random player, a fresh action each tic",
    "held 1 to 10 tics": "a random player, actions held 1 to 10 tics",
    "to and fro": "a blind player, to and fro, 90 tics each way",
}


class Table(NamedTuple):
    """A table of a README; its cells are Markdown."""

    page: str
    title: str
    header: tuple
    rows: list

    def markdown(self):
        rows = ["| " + " | ".join(cells) + " |" for cells in (self.header, *self.rows)]
        rows.insert(1, "|" + "---|" * len(self.header))
        return "\n".join(rows).replace("  |", " |")


def tables():
    """The tables of results of all READMEs. UserError if a raw result is missing."""
    return [
        carracing(),
        doom(),
        speed(),
        backends(),
        random_policies(),
        expert_rollouts(),
        what_c_reads(),
        car_at_full_scale(),
        costs("carracing"),
        workers(),
        doom_at_full_scale(),
        costs("doomrnn"),
        doom_resolutions(),
        doom_seen(),
        doom_deaths(),
        doom_temperatures(),
        doom_random_in_dreams(),
    ]


def carracing():
    ours = ("**ours: V and M**", bold(score("carracing", "ours", "pretrained")))
    stock = ("the same in stock gymnasium, with its own renderer", score("carracing", "stock", "pretrained"))
    return Table("README.md", "CarRacing", ("agent", "score"), [*published.CARRACING, ours, stock])


def doom():
    names = {name: f"paper, {name}" for name in published.DOOM} | {"0.5": "paper, C trained at temperature 0.5"}
    rows = [(names[name], *scores) for name, scores in published.DOOM.items()]
    rows.append(("paper, a random player", "", published.DOOM_RANDOM))
    rows += [(f"ours, {words}", "", random_score("game", player)) for player, words in PLAYERS.items()]
    rows.append((f"ours, {SHIPPED}, an earlier V and M, of random play alone", *doom_scores(SHIPPED, "log/t1.15")))
    dream, game = doom_scores(SHIPPED, "pretrained")
    rows.append((f"{bold(f'ours, {SHIPPED}')}, shipped", dream, bold(game)))
    return Table("README.md", "Doom Take Cover", ("agent", "in the dream", "in the game"), rows)


def doom_scores(temperature, folder):
    """In its dream, and in the game: of the C in a folder, which was trained at a temperature."""
    return score("doomrnn", f"dream{float(temperature):g}", folder), score("doomrnn", "game", folder)


def speed():
    stepping = raw("benchmark_env.json")["steps_per_second"]
    ours, stock = stepping["this renderer"], stepping["stock gymnasium"]
    loop, rough = (whole_loop(precision) for precision in PRECISIONS)
    rows = [
        ("stock gymnasium, a driving agent, resets included (`benchmarks/env.py`)", f"{stock:,.0f}"),
        ("the same with our renderer", f"**{ours:,.0f}**, {ours / stock:.0f} times stock"),
        ("the whole loop: environment, V, M and C (`benchmarks/rollout.py`)", f"**{loop:,.0f}**"),
        ("the same with V in bfloat16", f"{rough:,.0f}"),
    ]
    return Table("README.md", "Speed", ("one core of an AMD EPYC (2 cores, shared)", "frames/s"), rows)


def whole_loop(kind):
    """Frames/s of the car's rollout loop on one core."""
    return raw(f"benchmark_rollout.{kind}.json")["frames_per_second"]["whole_loop"]


def backends():
    rows = []
    for name, other in (("TensorFlow", ""), ("JAX", ".jax")):
        loop = whole_loop(f"float32{other}")
        dreams = np.median(raw(f"benchmark_dream{other}.json")["steps_per_second"]["batched"])
        rows.append((name, f"{loop:,.0f}", f"{dreams:,.0f}"))
    return Table(
        "README.md", "Speed by backend", ("Keras on", "the car's whole loop", "64 of Doom's dreams at once"), rows
    )


def random_policies():
    policies = {
        "agent": "an agent with random weights (2018)",
        "brownian_no_respawn": "a Brownian walk",
        "brownian": "a Brownian walk, put back onto the road (ours)",
    }
    rows = []
    for name, words in policies.items():
        mean = raw(f"coverage_{name}.json")["mean"]
        rows.append((words, f"{mean['speed']:.0f} m/s", f"{100 * mean['share_off_the_road']:.0f} %"))
    return Table(
        "README.md", "Random policies on the car", ("random policy", "mean speed", "frames off the road"), rows
    )


def expert_rollouts():
    run = raw("carracing.expert.json")
    seconds, size = run["played"]["seconds"], sum(rollout["bytes"] for rollout in run["rollouts"])
    each = {n: n / len(run["rollouts"]) for n in (1_000, 10_000)}
    rows = [(f"{n:,}", duration(seconds * times), amount(size * times)) for n, times in each.items()]
    return Table("carracing/README.md", "Expert rollouts", ("rollouts", "time on 2 cores", "disk"), rows)


def what_c_reads():
    """Of the runs of ablation.sh that have been scored."""
    rows, paper = [], dict(published.CARRACING)
    for kind, (words, row) in READS.items():
        logs = [f"log/ablation/{kind}/{seed}" for seed in (1, 2)]
        scores = [score("carracing", "ours", log) if scored("carracing", "ours", log) else "" for log in logs]
        if any(scores):
            rows.append((words, *scores, paper.get(row, "")))
    return Table("carracing/README.md", "What C has to read", ("C reads", "seed 1", "seed 2", "paper"), rows)


def car_at_full_scale():
    rows = [random_rollouts("brownian", ""), *learning("carracing", 10_000 * 1_000, 4_000, 999)]
    frames = TIMES_C_PLAYS * np.mean(result("carracing", "ours", "pretrained")["steps"])
    speeds = (duration(frames / (2 * whole_loop(precision))) for precision in PRECISIONS)
    rows.append(("5", "1,800 generations of 64 x 16 episodes", *speeds))
    (many,) = (
        one["seconds"]
        for one in raw("scale.json")["simulate"]["generations"]
        if (one["popsize"], one["workers"], one["lengths"], one["batches"]) == (64, 64, "trained", "shrinking")
    )
    rows.append(("5", "the same on 64 cores, simulated", duration(TIMES_C_PLAYS / (64 * 16) * many), ""))
    return Table("carracing/README.md", "The car at the paper's scale", FULL_SCALE, rows)


def doom_at_full_scale():
    frames = 10_000 * raw("coverage_doom.json")["mean"]["frames"]
    rows = [random_rollouts("doom", f", {frames / 1e6:.1f} million frames"), *learning("doomrnn", frames, 24_400, 500)]
    steps = TIMES_C_PLAYS * np.mean(result("doomrnn", f"dream{SHIPPED}", "pretrained")["steps"])
    speed = np.median(raw("benchmark_dream.json")["steps_per_second"]["batched"])
    rows.append(("5", "1,800 generations of 64 x 16 dreams", duration(steps / (2 * speed)), ""))
    return Table("doomrnn/README.md", "Doom at the paper's scale", FULL_SCALE, rows)


def random_rollouts(name, more):
    """Step 1 at the paper's scale, from the time of fewer episodes."""
    run = raw(f"coverage_{name}.json")
    return "1", f"10,000 episodes{more}", duration(10_000 * run["wall_seconds"] / run["played_now"]), ""


def learning(task, frames, batches, sequence):
    """Steps 2 and 4: V reads 95 % of the frames ten times, M so many batches of 100 sequences."""
    v_batches = frames * 0.95 * 10 / 100
    v, m = [], []
    for precision in PRECISIONS:
        speed = raw("benchmark_training.json")[f"{task}, {precision}"]
        v.append(duration(v_batches * 100 / speed["vae_frames_per_second"]))
        m.append(duration(batches * speed["rnn_seconds_per_step"]))
    yield "2", f"V: {v_batches:,.0f} batches of 100", *v
    yield "4", f"M: {batches:,} batches of 100 x {sequence}", *m


def costs(task):
    rows = []
    for step in raw("benchmark_costs.json")[task]["steps"]:
        memory = f"{step['memory_bytes'] / 1e9:.1f} GB" + (" a worker" if step["of"] == "a worker" else "")
        each = [step["disk_bytes"] * (n / step["episodes"] if step["episodes"] else 1) for n in (1_000, 10_000)]
        rows.append((step["what"], memory, *map(amount, each)))
    header = ("what", "memory", "disk: 1,000 episodes", "10,000 episodes")
    return Table(f"{task}/README.md", f"What it takes: {task}", header, rows)


def workers():
    generations, rows = raw("scale.json")["simulate"]["generations"], {}
    for one in generations:
        row = rows.setdefault((f"{one['popsize']} x 16", one["lengths"]), {})
        row.setdefault(one["workers"], {})[one["batches"]] = one["efficiency"]
    counts = sorted({one["workers"] for one in generations})
    cells = [
        (*name, *(f"{100 * row[n]['shrinking']:.0f} % ({100 * row[n]['full']:.0f})" for n in counts))
        for name, row in rows.items()
    ]
    header = ("episodes", "lengths", *(f"{n:,} workers" if n == counts[0] else f"{n:,}" for n in counts))
    return Table("carracing/README.md", "A generation over many workers", header, cells)


def doom_resolutions():
    header = ("drawn at", "steps/s", "relative", "contrast of far fireballs: mean, lowest tenth", "lost")
    rows = []
    for name, one in raw("benchmark_doom_resolution.json")["resolutions"].items():
        cells = [name, f"{one['steps_per_second']:,.0f}", f"{one['times_640x480']:.2g}"]
        if name == "160x120":  # what the agent plays at
            cells = map(bold, cells)
        contrast = f"{one['fireball_contrast']:.0f}, {one['fireball_contrast_10_percent']:.0f}"
        lost, difference = one["fireballs_of_less_than_half_the_contrast"], one["mean_difference"]
        rows.append((*cells, contrast, f"{100 * lost:.1f} %" if lost else "0", f"{difference:.2g}"))
    return Table("doomrnn/README.md", "Doom by resolution", (*header, "mean difference"), rows)


def doom_seen():
    rows = [
        (kind, width, f"{row['count']:,}", f"{100 * row['seen']:.0f} %")
        for kind, widths in raw("benchmark_what_v_sees.json")["by_width"].items()
        for width, row in widths.items()
    ]
    return Table("doomrnn/README.md", "What V sees of Doom", ("object", "pixels wide", "how many", "seen"), rows)


def doom_deaths():
    """How often the shipped agent dies, by the time that it has lived, and in all."""
    worlds = [np.array(result("doomrnn", name, "pretrained", 1000)["steps"]) for name in (f"dream{SHIPPED}", "game")]
    rows = []
    for low, high in [*itertools.pairwise(TIMES), (0, TIMES[-1])]:
        lived = [np.clip(steps - low, 0, high - low).sum() for steps in worlds]
        died = [((steps > low) & (steps <= high) & (steps < TIMES[-1])).sum() for steps in worlds]
        cells = (f"1 in {tics / deaths:,.0f}" for tics, deaths in zip(lived, died, strict=True))
        rows.append((f"{low:,} to {high:,}", *cells))
    header = ("tics", "deaths a tic in the dream", "in the game")
    return Table("doomrnn/README.md", "When Doom's agent dies", header, rows)


def doom_temperatures():
    header = ("temperature", "ours: in its dream", "in the game", "paper: in its dream", "in the game")
    rows = [(name, *doom_scores(name, f"log/t{name}"), *published.DOOM[name]) for name in TEMPERATURES]
    return Table("doomrnn/README.md", "Doom by temperature", header, rows)


def doom_random_in_dreams():
    dreams = [f"dream at {name}" for name in TEMPERATURES]
    header = ("a player that sees nothing", "game: until a hit", "until death", dreams[0], *TEMPERATURES[1:])
    rows = [
        (words, *(random_score(world, player) for world in ("game, until a hit", "game", *dreams)))
        for player, words in PLAYERS.items()
    ]
    return Table("doomrnn/README.md", "Blind players in Doom's dream", header, rows)


def bold(text):
    return f"**{text}**"


def raw(name):
    return load_json(RESULTS / name, "a raw result", dict)


def random_score(world, player):
    return mean_and_std(raw("doom_random.json")["worlds"][world][player])


def score(task, world, folder):
    """What the C in a folder of a task scores in a world."""
    return mean_and_std(result(task, world, folder))


def scored(task, world, folder):
    """Whether there is a C in a folder of a task, and its result."""
    controllers = list((ROOT / task / folder).glob("*.best.json"))
    return len(controllers) == 1 and (RESULTS / result_name(task, world, controllers[0])).exists()


def result(task, world, folder, episodes=EPISODES):
    """The JSON that model.py wrote of the C in a folder of a task, in a world."""
    controllers = list((ROOT / task / folder).glob("*.best.json"))
    if len(controllers) != 1:
        raise UserError(f"{len(controllers)} files {task}/{folder}/*.best.json: the tables take one")
    return raw(result_name(task, world, controllers[0], episodes))


def result_name(task, world, controller, episodes=EPISODES):
    return f"{task}.{world}.seed{TEST.start}.{episodes}.{fingerprint_in_file(controller)[:8]}.json"


def mean_and_std(result):
    return f"{result['mean']:.0f} +- {result['std']:.0f}"


def duration(seconds):
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.{1 if seconds < 36_000 else 0}f} h"


def amount(count):
    """Bytes as a cell; nothing is said of less than a megabyte."""
    if count < 1e6:
        return ""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.{1 if count < 1e10 else 0}f} GB"


def main():
    Parser(description=__doc__).parse_args()
    for table in tables():
        print(f"{table.title} ({table.page})\n\n{table.markdown()}\n")


if __name__ == "__main__":
    run(main)
