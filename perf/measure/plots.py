"""A plot of every row of a record: `plots.py RECORD FOLDER`. Run with the Python that has matplotlib."""

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.ticker import EngFormatter

from measure.figures import best, figures
from measure.rows import ROWS
from measure.servers import EXTRA, LIMIT, OURS, PEER

COLOURS = {OURS: "#c8371b", PEER: "#8a9bb0", LIMIT: "#d9d9d9", EXTRA: "#eab0a3"}
STYLE = {
    "svg.hashsalt": "ws4rs",  # the same record gives the same file
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def main():
    record = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    pyplot.rcParams.update(STYLE)
    for row in ROWS:
        found = figures(row, record["rows"][row.name]) if row.name in record["rows"] else []
        if found:
            plot(row, found, record, folder / f"{slug(row.name)}.svg")


def slug(name):
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plot(row, found, record, path):
    shown = [figure for figure in found if figure.role != LIMIT][::-1]  # the best on top
    figure, axes = pyplot.subplots(figsize=(7.5, 1.1 + 0.29 * len(shown)))
    bars(axes, shown)
    limit = best(found, LIMIT)
    if limit:
        line(axes, limit)
    axes.set_title(row.name, loc="left", fontweight="bold", pad=18 if limit else 6)
    marked = any(figure.waited for figure in shown)
    axes.set_xlabel(label(row, found) + ("\n† the server was not at its end" if marked else ""))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.set_xlim(left=0)
    axes.margins(y=0.02)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def bars(axes, shown):
    middles = [figure.median for figure in shown]
    whiskers = [[f.median - f.low for f in shown], [f.high - f.median for f in shown]]
    colours = [COLOURS[figure.role] for figure in shown]
    places = range(len(shown))
    axes.barh(places, middles, color=colours, height=0.72)
    axes.errorbar(middles, places, xerr=whiskers, fmt="none", ecolor="#333333", elinewidth=1, capsize=2.5)
    axes.set_yticks(places, [figure.server + (" †" if figure.waited else "") for figure in shown])
    for text, figure in zip(axes.get_yticklabels(), shown):
        text.set_fontweight("bold" if figure.role == OURS else "normal")
    axes.tick_params(axis="y", length=0)


def line(axes, limit):
    axes.axvline(limit.median, color="#333333", linewidth=1.2, linestyle=(0, (4, 2)))
    text = f"no protocol ({limit.server})"
    where = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    axes.annotate(text, (limit.median, 1), xytext=(0, 4), ha="center", fontsize=8, color="#333333", **where)


def label(row, found):
    if row.less_is_better:
        return f"{row.figure} of the server (less is better)"
    return f"{found[0].runs[0]['unit']} per CPU-second of the server"


if __name__ == "__main__":
    main()
