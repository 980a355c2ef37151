"""The curves of a training of V or M, of an evolution, and of several evolutions beside one that was published."""

import numpy as np

from worldmodels.reporting.pictures import (
    BLACK,
    BLUE,
    COLOURS,
    GREY,
    RED,
    SKY,
    legend,
    logarithmic,
    new_figure,
    plain_numbers,
    whole_numbers,
)

LABELS = {
    "reconstruction": "squared error of an image",
    "kl": "KL (nats an image)",
    "z": "z (nats a dimension)",
    "end": "end logit (nats a frame)",
    "loss": "loss (nats a dimension)",  # M's, where it has no parts
}
HELD_OUT = "held_out_"
LOGARITHMIC = 4  # what falls by this factor is drawn over a logarithm
CUT = 150  # of the comparison: see lowest_shown


def losses_figure(name, curves, steps=None):
    """The losses of a training: a panel for each part of the loss.

    curves: {column of the table of losses: (steps, values)}. steps: how many the training will have, if known.
    """
    kinds = parts(curves)
    title = losses_title(name, curves, steps).replace("; ", "\n")
    figure, panels = new_figure([2.4] * len(kinds), title, sharex=True)
    for axes, kind in zip(panels, kinds, strict=True):
        training, held_out = (curves.get(column, ([], [])) for column in (kind, HELD_OUT + kind))
        line(axes, *training, color=BLUE, linewidth=1.4, label="training")
        axes.plot(*held_out, "o", color=RED, markersize=3.5, label="held-out episodes")
        axes.set_ylabel(LABELS.get(kind, kind))
        values = [*training[1], *held_out[1]]
        if values and 0 < min(values) < max(values) / LOGARITHMIC:
            logarithmic(axes, "y")
    panels[0].legend(frameon=False, fontsize=9)
    panels[-1].set_xlabel("step (batch)")
    whole_numbers(panels[-1].xaxis)
    return figure


def line(axes, x, y, **style):
    """Draw a line; while it has one point alone, as in a run that has just begun, that is a dot."""
    axes.plot(x, y, marker="." if len(x) == 1 else None, **style)


def parts(curves):
    """Of which losses there is something to see: the parts of the loss, or the loss itself if it has none."""
    return [kind for kind in curves if not kind.startswith(HELD_OUT) and kind != "loss"] or ["loss"]


def losses_title(name, curves, steps=None):
    last = max((x[-1] for x, _ in curves.values()), default=0)
    title = f"{name}: step {last:,}" + (f" of {steps:,}" if steps else "")
    ends = {kind: curves.get(HELD_OUT + kind, ([], []))[1][-1:] for kind in parts(curves)}
    words = ", ".join(f"{kind} {end:.4g}" for kind, values in ends.items() for end in values)
    return title + (f"; held out: {words}" if words else "")


def evolution_figure(name, history, evaluations, generations=None):
    """An evolution: what the candidates and the mean of the distribution score, and the step size.

    history, evaluations: lists of evolving.state's Generation, at least one, and Evaluation. generations: how many it
    will have, if known.
    """
    title = evolution_title(name, history, evaluations, generations).replace("; ", "\n")
    figure, (scores, sigma) = new_figure([3.6, 1.6], title, sharex=True)
    number = [row.number for row in history]
    mean, std = (np.array([getattr(row, part) for row in history]) for part in ("mean", "std"))
    line(scores, number, mean, color=BLUE, linewidth=1.4, label="candidates, mean")
    scores.fill_between(
        number, mean - std, mean + std, color=SKY, alpha=0.35, linewidth=0, label="their spread (1 std)"
    )
    line(scores, number, [row.high for row in history], color=GREY, linewidth=0.9, label="best candidate")
    scores.plot(
        *evaluated(evaluations), "o-", color=RED, markersize=4.5, linewidth=1.2, label="evaluations of the mean"
    )
    scores.set_ylabel("return (sum of rewards)")
    plain_numbers(scores.yaxis)
    line(sigma, number, [row.sigma for row in history], color=BLACK, linewidth=1.4)
    sigma.set_ylim(0, 1.15 * max(row.sigma for row in history))
    sigma.set_ylabel("step size")
    sigma.set_xlabel("generation")
    whole_numbers(sigma.xaxis)
    legend(figure, scores)
    return figure


def evolution_title(name, history, evaluations, generations=None):
    minutes = int(max(row.seconds for row in [*history[-1:], *evaluations[-1:]])) // 60
    title = f"{name}: generation {len(history):,}" + (f" of {generations:,}" if generations else "")
    title += f", after {minutes // 60}:{minutes % 60:02} h" if minutes >= 60 else f", after {minutes} min"
    if evaluations:
        best = max(evaluations, key=lambda one: one.score)
        title += f"; best evaluation of the mean {best.score:.1f} at generation {best.generation:,}"
    return title


def evaluated(evaluations):
    """(generations, scores) of evaluations."""
    return [one.generation for one in evaluations], [one.score for one in evaluations]


def comparison_figure(curves, published):
    """Evaluations of several evolutions beside those of a published one, by generations and by episodes.

    curves: [(name, generations, episodes, scores, began), ...]; episodes: that candidates had played, () if not known;
    began: whether it began with an agent. published: {name, generations, scores, episodes (a generation)}.
    """
    figure, panels = new_figure([3.2, 3.2])
    episodes = [published["episodes"] * generation for generation in published["generations"]]
    for axes, x in zip(panels, (published["generations"], episodes), strict=True):
        axes.plot(x, published["scores"], "s--", color=BLACK, markersize=4, linewidth=1.2, label=published["name"])
        axes.set_ylabel("evaluation (return)")
        logarithmic(axes, "x", marks=(1,))
    for number, (name, generations, episodes, scores, began) in enumerate(curves):
        label = f"{name} (began with an agent)" if began else name
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": ":" if began else "-", "markersize": 4}
        for axes, x in zip(panels, (generations, episodes), strict=True):
            axes.plot(x, scores[: len(x)], "ov^Dp*X"[number % 7], label=label, linewidth=1.4, **style)
    for axes, words in zip(panels, ("generation", "episodes that candidates have played"), strict=True):
        axes.set_xlabel(words)
        axes.set_ylim(bottom=lowest_shown(curves, published))
    legend(figure, panels[0])
    return figure


def lowest_shown(curves, published):
    """Where the comparison is cut off below: so high that late generations can be told apart; no run is lost whole."""
    return min(min(published["scores"]), *(max(curve[3]) for curve in curves)) - CUT


def scores_figure(tests):
    """The single scores of several tests, one row each: every episode a dot, their mean and their median.

    tests: [(name, scores), ...].
    """
    figure, (axes,) = new_figure([0.9 + 0.62 * len(tests)])
    rng = np.random.default_rng(0)
    for row, (_, scores) in enumerate(tests):
        scatter = row + rng.uniform(-0.24, 0.24, len(scores))
        axes.plot(scores, scatter, "o", color=BLUE, alpha=0.4, markersize=3.5, markeredgewidth=0, label="an episode")
        axes.plot(np.mean(scores), row, "D", color=RED, markersize=6, label="mean")
        axes.plot([np.median(scores)] * 2, [row - 0.33, row + 0.33], color=BLACK, linewidth=1.6, label="median")
    axes.set_yticks(range(len(tests)), [name for name, _ in tests])
    axes.set_ylim(len(tests) - 0.4, -0.6)
    axes.set_xlabel("return of an episode (sum of rewards)")
    plain_numbers(axes.xaxis)
    legend(figure, axes, entries=3)
    return figure
