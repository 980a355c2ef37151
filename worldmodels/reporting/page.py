"""One HTML page that needs nothing else: pictures are inside as data URIs, and there is no script."""

import base64
import html
import re
from typing import NamedTuple

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #666; --line: #ddd; --paper: #fff; --link: #0067a3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --soft: #999; --line: #383838; --paper: #121212; --link: #6cb8e6 }
  .drawn { filter: invert(.93) hue-rotate(180deg) }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.4rem; margin: 3rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 2rem 0 .25rem }
a { color: var(--link) }
nav ul { margin: 0; padding-left: 1.2rem }
figure { margin: 1rem 0 1.5rem }
img { display: block; max-width: 100%; height: auto }
figcaption, .soft { color: var(--soft); font-size: .9rem }
.scroll { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
details { margin: .5rem 0; font-size: .9rem }
summary { cursor: pointer; color: var(--soft) }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere }
.facts { overflow-wrap: anywhere }
.facts td:first-child { color: var(--soft); min-width: 8rem }
.warning { border-left: 3px solid #D55E00; padding-left: .75rem }
"""


class Section(NamedTuple):
    """A part of the page. body: HTML. under: sections one level down, in the table of contents too."""

    title: str
    body: str = ""
    under: tuple = ()


def page(title, opening, sections):
    """The whole page. title is text, opening HTML; sections that say nothing are left out."""
    sections = [section for section in sections if section.body or section.under]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{text(title)}</h1>\n{opening}\n"
        f"<nav>\n{_contents(sections, 's')}\n</nav>\n{_bodies(sections, 's', 2)}\n</body>\n</html>\n"
    )


def _contents(sections, prefix):
    entries = (
        f'<li><a href="#{prefix}{number}">{text(section.title)}</a>'
        + (_contents(section.under, f"{prefix}{number}-") if section.under else "")
        + "</li>"
        for number, section in enumerate(sections, 1)
    )
    return f"<ul>{''.join(entries)}</ul>"


def _bodies(sections, prefix, level):
    return "\n".join(
        f'<section id="{prefix}{number}">\n<h{level}>{text(section.title)}</h{level}>\n{section.body}\n'
        f"{_bodies(section.under, f'{prefix}{number}-', level + 1)}</section>"
        for number, section in enumerate(sections, 1)
    )


def text(words):
    """Text as HTML."""
    return html.escape(str(words))


def markdown(words):
    """Text in which **bold**, `code` and +- are marked, as HTML."""
    words = re.sub(
        r"\*\*(.+?)\*\*", r"<b>\1</b>", text(words).replace(" +- ", "\N{NBSP}±\N{NBSP}").replace(" %", "\N{NBSP}%")
    )
    return re.sub(r"`(.+?)`", r"<code>\1</code>", words)


def paragraph(words, kind=""):
    return f'<p class="{kind}">{markdown(words)}</p>' if kind else f"<p>{markdown(words)}</p>"


def table(header, rows):
    """A table of Markdown cells, which can be moved aside on a small screen."""
    head = "".join(f"<th>{markdown(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{markdown(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def facts(pairs, summary):
    """What something was made with, (what, text), folded up below a summary."""
    rows = "\n".join(f"<tr><td>{text(what)}</td><td>{text(words)}</td></tr>" for what, words in pairs)
    return f'<details><summary>{text(summary)}</summary><table class="facts">\n{rows}\n</table></details>'


def figure(png, caption, alternative, drawn=True):
    """A picture with what one sees in it. drawn: curves on white, which become light on dark where that is wanted."""
    data = base64.b64encode(png).decode()
    kind = ' class="drawn"' if drawn else ""
    image = f'<img{kind} alt="{text(alternative)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{markdown(caption)}</figcaption></figure>"


def links(paths):
    """Links to files, (address, words)."""
    return (
        "<ul>" + "".join(f'<li><a href="{text(address)}">{text(words)}</a></li>' for address, words in paths) + "</ul>"
    )
