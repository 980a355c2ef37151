"""The data card of a folder of expert rollouts: README.md, made of its manifest, with two pictures."""

import math
from pathlib import Path

import numpy as np
from PIL import Image

from worldmodels.data.expert import COLORS, DTYPES, KEYS, load_rollout, rollout_path, shapes
from worldmodels.files.writing import atomic_path
from worldmodels.playing.video import enlarge, write_video

PREVIEW, SHEET = "preview.gif", "contact_sheet.png"
ROWS, COLUMNS, GAP = 10, 10, 1  # of the contact sheet: rollouts, moments of each, pixels around a picture
BARS, BAR = 12, 40  # of the histogram: about so many, of at most so many characters
MEANINGS = (
    "`[0]` is the reset frame, `[t + 1]` the one after `actions[t]`",
    "`[t]` was taken on seeing `observations[t]`",
    "`[t]` is what `actions[t]` brought",
    "True at the episode's last step, and always at the last index",
)


def write_card(task, folder, manifest, anew):
    """Write README.md and, if they are not there or `anew`, its pictures. manifest: as it stands in the folder."""
    folder, count = Path(folder), len(manifest["rollouts"])
    if anew or not (folder / PREVIEW).exists():
        write_preview(task, folder)
    if anew or not (folder / SHEET).exists():
        write_contact_sheet(task, folder, min(count, ROWS))
    with atomic_path(folder / "README.md") as path:
        path.write_text(card(task, manifest))


def card(task, manifest):
    """The text, in Markdown."""
    made, rows = manifest["made_with"], manifest["rollouts"]
    scores, steps = (np.array([row[key] for row in rows]) for key in ("score", "steps"))
    spread = f"{scores.mean():.1f} +- {scores.std():.1f}, from {scores.min():.1f} to {scores.max():.1f}"
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    schema = [
        f"| `{key}` | {shape} | {kind} | {meaning} |"
        for key, shape, kind, meaning in zip(KEYS, shapes(task), DTYPES[made["dtype"]], MEANINGS, strict=True)
    ]
    return "\n".join(
        [
            f"# Expert rollouts: {task.name}",
            "",
            f"Episodes of {task.name}, played by an agent of *World Models* (Ha & Schmidhuber, 2018).",
            "The layout is the one that Ke et al. (ICLR 2019) read.",
            "",
            f'<img src="{PREVIEW}" alt="rollout 0" width="256">',
            "",
            "| | |",
            "|---|---|",
            f"| rollouts | {len(rows)}: `rollout_0.npz` to `rollout_{len(rows) - 1}.npz` |",
            f"| frames | {steps.sum():,} |",
            f"| score | {spread} |",
            f"| {task.goal} | {sum(row['finished'] for row in rows)} |",
            f"| colours | {COLORS[made['colors']]} |",
            f"| size | {sum(row['bytes'] for row in rows) / 1e6:,.1f} MB |",
            "",
            "## Scores",
            "",
            "```",
            *histogram(scores),
            "```",
            "",
            "## The files",
            "",
            "One episode each:",
            "",
            "| array | shape | dtype | |",
            "|---|---|---|---|",
            *schema,
            "",
            f"An episode is cut off after {task.max_steps} steps, and the arrays are as long as that. What is past the",
            "end of a shorter one is zero.",
            "",
            "```python",
            "import numpy as np",
            "",
            'data = np.load("rollout_0.npz")',
            'steps = data["terminals"].argmax() + 1',
            'frames, actions = data["observations"][:steps], data["actions"][:steps]',
            "```",
            "",
            "`manifest.json` has the seed, the score, the length and the sha256 of each file.",
            "",
            f"![{min(len(rows), ROWS)} rollouts, each from its first frame to its last]({SHEET})",
            "",
            "## How they were made",
            "",
            f"- command: `{manifest['command']}`",
            f"- seeds: {made['seed']} for rollout 0, and those that follow",
            f"- what C reads: {made['controller']}, with {'a sample' if made['z'] == 'sample' else 'the mean'} of z",
            *(f"- {name}: {made[key]}" for name, key in _HASHES.items()),
            f"- V's arithmetic: {made['precision']}",
            f"- machine: {manifest['machine']}",
            f"- versions: {versions}",
            "",
            "## Licence",
            "",
            f"MIT, as the code that made them. {task.credits}".rstrip(),
            "",
        ]
    )


_HASHES = {"sha256 of C's parameters": "parameters_sha256", "of V's": "vae_sha256", "of M's": "rnn_sha256"}


def histogram(scores):
    """Lines of text, a bar each; its edges are round numbers."""
    low, high = float(scores.min()), float(scores.max())
    rough = max((high - low) / BARS, 1e-3)
    power = 10.0 ** math.floor(math.log10(rough))
    width = next(power * step for step in (1, 2, 5, 10) if power * step >= rough)
    first = math.floor(low / width)
    counts = np.bincount(np.floor(scores / width).astype(int) - first)
    edges = [f"{(first + i) * width:.10g}" for i in range(len(counts) + 1)]
    longest = max(map(len, edges))
    return [
        f"{edges[i]:>{longest}} to {edges[i + 1]:>{longest}} | {'#' * math.ceil(BAR * n / counts.max())} {n}".rstrip()
        for i, n in enumerate(counts)
    ]


def write_preview(task, folder):
    """Rollout 0 as a GIF of 64x64 pixels; write_video halves what it is given."""
    with write_video(folder / PREVIEW, task.fps) as write:
        for frame in load_rollout(task, rollout_path(folder, 0))[0].observations:
            write(enlarge(frame, 2))


def write_contact_sheet(task, folder, rows):
    """A row for each of the first rollouts: moments of it, evenly apart, from the first frame to the last."""
    sheet = []
    for k in range(rows):
        frames = load_rollout(task, rollout_path(folder, k))[0].observations
        moments = np.linspace(0, len(frames) - 1, COLUMNS).round().astype(int)
        pictures = np.pad(frames[moments], ((0, 0), (GAP, GAP), (GAP, GAP), (0, 0)))
        sheet.append(np.concatenate(pictures, axis=1))
    with atomic_path(folder / SHEET) as path:
        Image.fromarray(np.concatenate(sheet)).save(path)
