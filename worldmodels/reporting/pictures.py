"""What all pictures of curves have in common. Drawn without pyplot: no display is needed, and no figure is kept."""

import io
import logging

from worldmodels.files.writing import atomic_path
from worldmodels.scripts.cli import explain
from worldmodels.scripts.progress import say

# Okabe and Ito's colours: the colour-blind can tell them apart, and they differ in brightness too.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
BLACK, GREY, LIGHT = "#222222", "#666666", "#E4E4E4"
WIDTH = 5.6  # inches: at this width the letters can still be read on a phone
DPI = 150


def new_figure(heights, title=None, **options):
    """A figure with one panel below the other, whose heights are in inches, and an array of its axes."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its cache of fonts
    import matplotlib  # here, so that no script and no rank starts later for it
    from matplotlib.figure import Figure

    matplotlib.rcParams["text.parse_math"] = False  # a name with dollars is no formula
    figure = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(heights), squeeze=False, height_ratios=heights, **options)[:, 0]
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, color=BLACK)
    for axes in panels:
        axes.grid(color=LIGHT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(colors=GREY, labelsize=9)
        axes.xaxis.label.set_color(BLACK)
        axes.yaxis.label.set_color(BLACK)
    return figure, panels


def logarithmic(axes, which, marks=(1, 2, 5)):
    """Draw x or y over a logarithm, with plain numbers beside it: `marks` times the powers of ten."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=marks))
    axis.set_minor_locator(NullLocator())
    plain_numbers(axis)


def plain_numbers(axis):
    """8,000, and neither 8000 nor 8e3."""
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def whole_numbers(axis):
    """plain_numbers, without any between two whole ones."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plain_numbers(axis)


def legend(figure, axes, entries=None):
    """What the lines of a panel are, below all panels: there it hides nothing. entries: of them the first so many."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, labels)) > 30 else 2
    figure.legend(
        handles[:entries], labels[:entries], loc="outside lower left", ncols=columns, frameon=False, fontsize=9
    )


def png(figure):
    """The bytes of a figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def save_picture(path, draw):
    """Write the figure that draw() returns as a PNG, whole or not at all.

    A picture is no reason to end hours of work: whatever goes wrong with it is said in a line, and no more.
    """
    try:
        content = png(draw())
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    except Exception as error:
        say(f"there is no new picture of the curves, and the run goes on: {explain(error)}")
