"""Does V see what kills the player? Fireballs and monsters of Doom, in frames and in V's reconstructions of them.

    python benchmarks/what_v_sees.py [--vae weights/vae.weights.h5]

ViZDoom's labels say where something is in the picture. Its contrast is the mean of its pixels less that of the pixels
around it. V keeps as much of it as its reconstruction (of mu) has in the same place and in the same direction. What
keeps at least half counts as seen. The player is that of extract.py, on episodes that nothing was trained on.
"""

import itertools

import numpy as np
from backends import RESULTS
from doom_resolution import labelled_game, random_episodes, watch
from PIL import Image

from doomrnn.env import SIZE, DoomTakeCover
from doomrnn.task import DOOM
from worldmodels.data.seeds import EVALUATION
from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, positive_int, run

RESULT = RESULTS / "benchmark_what_v_sees.json"
KINDS = {"DoomImpBall": "fireball", "DoomImp": "monster"}
VIEW = 400  # lines of 480 that are above the HUD
HIDDEN = 50  # pixels of 640x480: something of which fewer are visible is mostly hidden
FAINT = 20  # levels: something whose contrast is lower is hard to see in the frame itself
AROUND = 3  # pixels of 64 on each side
SIZES = (0, 2, 4, 8, SIZE)  # pixels of 64: widths, from one to the next
BATCH = 100


def objects(state):
    """(kind, width in pixels of 64, inside, around) of what can be seen; the last two are masks (64, 64)."""
    for label in state.labels:
        mask = state.labels_buffer[:VIEW] == label.value
        if label.object_name not in KINDS or mask.sum() < HIDDEN:
            continue
        covered = np.asarray(Image.fromarray(np.float32(mask)).resize((SIZE, SIZE), Image.Resampling.BOX))
        rows, columns = (np.flatnonzero(covered.any(axis)) for axis in (1, 0))
        around = np.zeros((SIZE, SIZE), bool)
        around[
            max(rows[0] - AROUND, 0) : rows[-1] + AROUND + 1, max(columns[0] - AROUND, 0) : columns[-1] + AROUND + 1
        ] = True
        yield KINDS[label.object_name], label.width / 10, covered >= covered.max() / 2, around & (covered == 0)


def contrast(frame, inside, around):
    """In each of three colours, in levels: (3,)."""
    return frame[inside].mean(0) - frame[around].mean(0)


def look(vae, frames, found):
    """[(kind, width, share of the contrast that V keeps)] of a batch. found: the objects of each frame, as a list."""
    from worldmodels.dream import decode

    frames = np.array(frames, np.uint8)
    reconstructions = decode(vae, np.array(vae.encoder.predict_on_batch(frames)[0])).astype(float)
    rows = []
    for frame, reconstruction, things in zip(frames.astype(float), reconstructions, found, strict=True):
        for kind, width, inside, around in things:
            shown = contrast(frame, inside, around)
            if (power := shown @ shown) >= FAINT**2:
                rows.append((kind, width, contrast(reconstruction, inside, around) @ shown / power))
    errors = np.square((frames - reconstructions) / 255).sum((1, 2, 3))
    return rows, errors.tolist()


def summary(rows):
    """{kind: {width: how many, share of them that is seen, mean share of the contrast that is kept}}."""
    result = {kind: {} for kind in KINDS.values()}
    for kind, of_kind in result.items():
        for low, high in [(0, SIZE), *itertools.pairwise(SIZES)]:
            kept = np.array([share for name, width, share in rows if name == kind and low <= width < high])
            width = "all" if (low, high) == (0, SIZE) else f"{low} to {high}"
            if len(kept):
                of_kind[width] = {"count": len(kept), "seen": (kept >= 0.5).mean(), "kept": kept.mean()}
    return result


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--vae", default=DOOM.folder / "pretrained" / "vae.weights.h5", metavar="FILE", help="V; the shipped one")
    add("--episodes", type=positive_int, default=20, help="episodes to look at")
    measure(**vars(parser.parse_args()))


def measure(*, vae, episodes):
    limit_threads()
    from worldmodels.files.weights import fingerprint, load_weights

    path, vae = vae, DOOM.make_vae()
    load_weights(vae, path, "V")
    env, labelled = DoomTakeCover(), labelled_game()
    frames, found, rows, errors = [], [], [], []
    for number, actions in random_episodes(env, EVALUATION[:episodes]).items():
        for (frame,), state in watch(labelled, [env], number, actions):
            frames.append(frame)
            found.append(list(objects(state)))
            if len(frames) == BATCH:  # what is left at the end is not worth another program
                for all_of, new in zip((rows, errors), look(vae, frames, found), strict=True):
                    all_of.extend(new)
                frames, found = [], []
    results = summary(rows)
    print(f"{len(errors):,} frames, reconstruction {np.mean(errors):.2f}")
    print(f"{'':10}{'pixels wide':>12}{'count':>8}{'seen':>8}{'kept':>8}")
    for kind, widths in results.items():
        for width, row in widths.items():
            print(f"{kind:10}{width:>12}{row['count']:8}{row['seen']:8.0%}{row['kept']:8.0%}")
    about = {"vae_sha256": fingerprint(vae), "episodes": episodes, "frames": len(errors)}
    save_json(RESULT, {**origin(), **about, "reconstruction": np.mean(errors), "by_width": results}, indent=1)


if __name__ == "__main__":
    run(main)
