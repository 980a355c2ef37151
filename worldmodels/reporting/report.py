"""The report: what runs were made with, how they went, and what came out, on one page."""

import io
import os
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np

from worldmodels.data.seeds import TEST
from worldmodels.files.reading import reading
from worldmodels.files.writing import atomic_path, make_folder, refuse_folder
from worldmodels.parallel.threads import limit_threads
from worldmodels.reporting import page
from worldmodels.reporting.curves import (
    comparison_figure,
    evaluated,
    evolution_figure,
    evolution_title,
    losses_figure,
    losses_title,
    lowest_shown,
    scores_figure,
)
from worldmodels.reporting.pictures import png
from worldmodels.reporting.runs import attempt, find, label
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError, explain
from worldmodels.scripts.streams import quiet_stderr

FRAMES = 16  # of which V's reconstructions are shown
STEPS = 500  # from the start of an episode, among which they are chosen


def report(folders, out, *, tasks, tables, published):
    """Write the page `out` about all that is in some folders.

    tasks: the Tasks whose shipped V is shown, if its folder is among these. tables(): the tables of results, each with
    title, header and rows. published: evolutions to compare with, as in results/published.py. UserError if there is
    nothing to report, or nothing can be written.
    """
    refuse_folder(out, "the report")
    make_folder(Path(out).parent)
    found = find(folders)
    where = ", ".join(map(label, folders))
    if not found:
        raise UserError(
            f"there are no runs in {where}: train something first, or name folders that hold *.losses.csv, "
            "*.hist.json or the scores of model.py"
        )
    counts = ", ".join(
        f"{len(things)} {word}{'s' * (len(things) != 1)}"
        for word, things in (("training", found.trainings), ("evolution", found.evolutions), ("test", found.tests))
    )
    print(f"found {counts} in {where}", flush=True)
    problems = found.problems
    sections = [
        page.Section("Test scores", under=tests(found)),
        page.Section("Evolution beside the paper's", under=comparisons(found.evolutions, published)),
        page.Section("Evolutions", under=[evolution(one) for one in found.evolutions]),
        page.Section("Trainings of V and M", under=[training(one) for one in found.trainings]),
        page.Section("Results of the agents that ship", under=results(attempt(problems, tables) or ())),
        page.Section("What V sees", under=reconstructions(found, folders, tasks, problems)),
        page.Section("Videos", videos(found.videos, out)),
        page.Section("What is missing", "".join(page.paragraph(line, "warning") for line in problems)),
    ]
    now = time.strftime("%-d %B %Y, %H:%M UTC", time.gmtime())
    opening = page.paragraph(f"Made on {now}, of what is in {where}: {counts}.", "soft")
    with atomic_path(out) as temporary:
        temporary.write_text(page.page("World Models: a report", opening, sections), "utf-8", "replace")
    for line in problems:
        print(f"left out: {line}")
    print(f"wrote {out} ({Path(out).stat().st_size / 1e6:.1f} MB)")


def results(tables):
    return [page.Section(one.title, page.table(one.header, one.rows)) for one in tables]


def tests(found):
    """A section for each task of what its agents score; the files tell apart what is called the same."""
    names = {one.best: f"C of {Path(one.label).parent}" for one in found.evolutions if one.best}
    sections = []
    for task in sorted({one.task for one in found.tests}):
        rows = []
        for one in sorted((one for one in found.tests if one.task == task), key=lambda one: (one.world, one.label)):
            agent = names.get(one.parameters, f"C {one.parameters[:8]}") + (", reads mu" if one.z == "mean" else "")
            rows.append((one, one.world, agent))
        picture = scores_figure(
            [(f"{world}, {len(one.scores):,} episodes\n{agent}", one.scores) for one, world, agent in rows]
        )
        caption = "Each dot is an episode. The mean hides the bad ones, far to the left of it."
        cells = [
            (world, agent, f"{len(one.scores):,}", f"{one.mean:.0f} +- {one.std:.0f}", f"`{one.label}`")
            for one, world, agent in rows
        ]
        body = page.figure(png(picture), caption, f"Scores of {task}'s test episodes")
        sections.append(page.Section(task, body + page.table(("world", "agent", "episodes", "score", "file"), cells)))
    return sections


def comparisons(evolutions, published):
    """A section for each task whose evolution has been published."""
    sections = []
    for task, theirs in published.items():
        curves = []
        for one in evolutions:
            if one.task == task and one.evaluations:
                generations, scores = evaluated(one.evaluations)
                played = [one.note.episodes[number - 1] for number in generations if number <= len(one.note.episodes)]
                curves.append((one.label, generations, played, scores, one.note.began))
        if curves:
            caption = (
                "What the mean of the distribution scores on held-out seeds: above by generations, below by the "
                f"episodes that candidates have played, which were {theirs['episodes']:,} a generation in 2018. Dotted "
                "runs began with an agent that an earlier run had made."
            )
            lowest = lowest_shown(curves, theirs)
            if min(score for _, _, _, scores, _ in curves for score in scores) < lowest:
                caption += f" Scores below {lowest:.0f} are cut off."
            picture = page.figure(png(comparison_figure(curves, theirs)), caption, f"{task}: evaluations")
            sections.append(page.Section(task, picture))
    return sections


def evolution(one):
    caption = (
        "The candidates' returns of each generation. Every one plays few episodes, so the best is mostly luck; the "
        "evaluations, of the mean of the distribution on seeds of their own, say how good the agent is. Below is the "
        "step size: the standard deviation with which candidates are drawn."
    )
    rows = Path(one.label).name, one.history, one.evaluations, one.note.planned
    curves = one.history and (evolution_figure(*rows), caption, evolution_title(*rows))
    return run(one, len(one.history), "generation", curves)


def training(one):
    caption = "The losses by step: in training, the mean of the last 100 steps; on held-out episodes, once a minute."
    rows = Path(one.label).name, one.curves, one.note.planned
    curves = one.curves and (losses_figure(*rows), caption, losses_title(*rows))
    return run(one, max((steps[-1] for steps, _ in one.curves.values()), default=0), "step", curves)


def run(one, done, unit, curves):
    """The section of a Training or an Evolution with `done` units. curves: (figure, caption, what it shows) if any."""
    planned, words = one.note.planned, ""
    if one.checkpoint.locked:
        words = page.paragraph("It is being written at this moment: this is where it stands.", "warning")
    elif planned and done < planned:
        words = page.paragraph(
            f"It ended before {unit} {planned:,}." + one.checkpoint.there * " The same command goes on.", "soft"
        )
    if curves:
        figure, caption, alternative = curves
        words += page.figure(png(figure), caption, alternative)
    else:
        words += page.paragraph(f"The first {unit} has not been noted yet.")
    if one.note.made_with:
        words += page.facts(one.note.made_with, "What it was made with")
    else:
        words += page.paragraph("No run.json says what it was made with.", "soft")
    return page.Section(one.label, words)


def reconstructions(found, folders, tasks, problems):
    """What V makes of frames: pictures of one's own trainings, and of the V that ships with each task, made with it."""
    caption = "Each frame above what V makes of it. The "
    sections = []
    for task in tasks:
        shipped = task.folder / "pretrained"
        if any(shipped.is_relative_to(Path(folder).resolve()) for folder in folders):
            print(f"the shipped agent of {task.name} plays an episode, for V's reconstructions", flush=True)
            if picture := attempt(problems, shipped_reconstructions, task, shipped):
                words = caption + "frames are of an episode that the shipped agent has just played."
                sections.append(page.Section(label(shipped), page.figure(picture, words, "Frames", drawn=False)))
    for path in found.pictures:
        words = caption + "frames are of episodes that were held out."
        if picture := attempt(problems, read_picture, path):
            sections.append(page.Section(label(path), page.figure(picture, words, "Frames", drawn=False)))
    return sections


def read_picture(path):
    with reading(path, "a picture"):
        return path.read_bytes()


def shipped_reconstructions(task, folder):
    """A PNG of frames from a test episode of the agent in a folder, and of what its V makes of them."""
    controllers = sorted(folder.glob("*.best.json"))
    if not controllers:
        raise UserError(f"V in {folder} is not shown: there is no agent beside it that could play")
    limit_threads()
    frames = []
    try:
        with quiet_stderr():
            from worldmodels.playing.worlds import load_world
            from worldmodels.training.train_vae import reconstructions

            world, trained = load_world(task, controllers[0], 1, dream=False)
            world.watch = lambda slot, observation, action: frames.append(observation.copy())
            world.max_steps = min(world.max_steps, STEPS)
            list(run_episodes(world, [Job(TEST.start, trained.params)]))
            chosen = np.linspace(0, len(frames) - 1, FRAMES).astype(int)
            image = reconstructions(trained.vae, np.array(frames)[chosen])
    except UserError:
        raise
    except Exception as error:  # a game that does not start, say: the rest of the report does not need it
        raise UserError(f"V in {folder} is not shown: {explain(error)}") from error
    content = io.BytesIO()
    image.save(content, "png")
    return content.getvalue()


def videos(paths, out):
    if not paths:
        return ""
    home = Path(out).resolve().parent
    return page.links((quote(os.path.relpath(path.resolve(), home)), label(path)) for path in paths)
