"""Print the tables of results in the READMEs, made anew from the raw numbers: python results/tables.py"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import published

from worldmodels.controller import parameters_fingerprint
from worldmodels.files.reading import load_json, reading
from worldmodels.scripts.cli import Parser, UserError, run

RESULTS = Path(__file__).resolve().parent
ROOT = RESULTS.parent
EPISODES = 100  # that a score is taken over
TEMPERATURES = {"0.5": "log/t0.5", "1.0": "log/t1.0", "1.15": "pretrained", "1.3": "log/t1.3"}  # -> the folder of C
SHIPPED = "1.15"
PLAYERS = {"fresh": "a fresh action each tic", "held 1 to 10 tics": "actions held 1 to 10 tics"}


class Table(NamedTuple):
    """A table of a README; its cells are Markdown."""

    page: str
    title: str
    header: tuple
    rows: list

    def markdown(self):
        rows = ["| " + " | ".join(cells) + " |" for cells in (self.header, *self.rows)]
        rows.insert(1, "|" + "---|" * len(self.header))
        return "\n".join(rows).replace("|  |", "| |")


def tables():
    """The tables of results of all READMEs. UserError if a raw result is missing."""
    return [
        carracing(),
        doom(),
        speed(),
        backends(),
        random_policies(),
        workers(),
        doom_resolutions(),
        doom_seen(),
        doom_temperatures(),
        doom_random_in_dreams(),
    ]


def carracing():
    ours = ("**ours: V and M**", bold(score("carracing", "ours", "pretrained")))
    stock = ("the same in stock gymnasium, with its own renderer", score("carracing", "stock", "pretrained"))
    return Table("README.md", "CarRacing", ("agent", "score"), [*published.CARRACING, ours, stock])


def doom():
    rows = [(doom_agent("paper", name), *scores) for name, scores in published.DOOM.items()]
    rows.append(("paper, a random player", "", published.DOOM_RANDOM))
    rows += [(f"ours, a random player, {words}", "", random_score("game", player)) for player, words in PLAYERS.items()]
    for name, (dream, game) in doom_scores().items():
        agent = doom_agent("ours", name)
        rows.append((f"{bold(agent)}, shipped", dream, bold(game)) if name == SHIPPED else (agent, dream, game))
    return Table("README.md", "Doom Take Cover", ("agent", "in the dream", "in the game"), rows)


def doom_agent(whose, temperature):
    return f"{whose}, C trained at temperature 0.5" if temperature == "0.5" else f"{whose}, {temperature}"


def doom_scores():
    """{temperature: (in its dream, in the game)} of our agents."""
    return {
        name: (score("doomrnn", f"dream{float(name):g}", folder), score("doomrnn", "game", folder))
        for name, folder in TEMPERATURES.items()
    }


def speed():
    stepping = raw("benchmark_env.json")["steps_per_second"]
    ours, stock = stepping["this renderer"], stepping["stock gymnasium"]
    loop, rough = (
        raw(f"benchmark_rollout.{precision}.json")["frames_per_second"]["whole_loop"]
        for precision in ("float32", "bfloat16")
    )
    rows = [
        ("stock gymnasium, a driving agent, resets included (`benchmarks/env.py`)", f"{stock:,.0f}"),
        ("the same with our renderer", f"**{ours:,.0f}**, {ours / stock:.0f} times stock"),
        ("the whole loop: environment, V, M and C (`benchmarks/rollout.py`)", f"**{loop:,.0f}**"),
        ("the same with V in bfloat16", f"{rough:,.0f}"),
    ]
    return Table("README.md", "Speed", ("one core of an AMD EPYC (Zen 4, 2 cores, shared)", "frames/s"), rows)


def backends():
    rows = []
    for name, other in (("TensorFlow", ""), ("JAX", ".jax")):
        loop = raw(f"benchmark_rollout.float32{other}.json")["frames_per_second"]["whole_loop"]
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


def doom_temperatures():
    header = ("temperature", "ours: in its dream", "in the game", "paper: in its dream", "in the game")
    rows = [
        (f"{bold(name)} (shipped)" if name == SHIPPED else name, *scores, *published.DOOM[name])
        for name, scores in doom_scores().items()
    ]
    return Table("doomrnn/README.md", "Doom by temperature", header, rows)


def doom_random_in_dreams():
    header = ("a random player", *(f"dream at {name}" if name == "0.5" else name for name in TEMPERATURES))
    rows = [
        (words, *(random_score(f"dream at {name}", player) for name in TEMPERATURES))
        for player, words in PLAYERS.items()
    ]
    return Table("doomrnn/README.md", "Random players in Doom's dream", header, rows)


def bold(text):
    return f"**{text}**"


def raw(name):
    return load_json(RESULTS / name, "a raw result", dict)


def random_score(world, player):
    return mean_and_std(raw("doom_random.json")["worlds"][world][player])


def score(task, world, folder):
    """What the C in a folder of a task scores in a world, by the JSON that model.py wrote of it."""
    controllers = sorted((ROOT / task / folder).glob("*.best.json"))
    if len(controllers) != 1:
        raise UserError(f"{len(controllers)} files {task}/{folder}/*.best.json: the tables take one")
    with reading(controllers[0], "the controller"):
        fingerprint = parameters_fingerprint(load_json(controllers[0], "the controller", list)[0])
    pattern = f"{task}.{world}.seed*.{EPISODES}.{fingerprint[:8]}.json"
    if len(paths := sorted(RESULTS.glob(pattern))) != 1:
        raise UserError(f"{len(paths)} files {RESULTS.name}/{pattern} for the table: score that C with model.py")
    return mean_and_std(raw(paths[0].name))


def mean_and_std(result):
    return f"{result['mean']:.0f} +- {result['std']:.0f}"


def main():
    Parser(description=__doc__).parse_args()
    for table in tables():
        print(f"{table.title} ({table.page})\n\n{table.markdown()}\n")


if __name__ == "__main__":
    run(main)
