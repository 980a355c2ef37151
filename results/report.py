"""Put all that runs have left on one page: python results/report.py [FOLDER ...]  ->  report.html

Curves of trainings and evolutions, test scores, the tables of results, pictures, videos. It takes one's own runs and
those that ship alike, and also a run that goes on.
"""

from pathlib import Path

import published
from tables import tables

from worldmodels.reporting.report import report
from worldmodels.scripts.cli import Parser, run

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = [ROOT / name for name in ("carracing", "doomrnn", "examples", "results")]


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", metavar="FOLDER", nargs="*", default=FOLDERS,
        help="where to look, with all that is below")  # fmt: skip
    parser.add_argument("--out", metavar="FILE", default="report.html", help="the page")
    options = vars(parser.parse_args())

    from carracing.task import CARRACING
    from doomrnn.task import DOOM

    report(**options, tasks=(CARRACING, DOOM), tables=tables, published=published.EVOLUTIONS)


if __name__ == "__main__":
    run(main)
