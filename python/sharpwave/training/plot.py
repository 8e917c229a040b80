"""Learning curves as a figure: a panel for each environment, a line with a band for each group.

Matplotlib is used through its figures, without pyplot: it needs no display, and keeps no figure in
a list of its own.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sharpwave.training.curves import Curve, Source, curves

INSTALL = 'pip install "sharpwave[plot]"'

# Okabe and Ito 2008, told apart with any colour vision; its yellow is too light for a line.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
MOST_COLUMNS = 3
# In inches; a panel fits a column of a paper.
PANEL_WIDTH, PANEL_HEIGHT = 3.4, 2.4
LINE_HEIGHT, LETTER_WIDTH, HANDLE_WIDTH = 0.17, 0.065, 0.55
LINE_WIDTH = 1.4  # in points

STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # letters stay letters, as publishers ask
    "svg.fonttype": "none",
    "svg.hashsalt": "sharpwave",
}
# With a date in it, two drawings of the same runs would differ.
WITHOUT_DATE: dict[str, dict[str, None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def plot(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    y: Source = "evaluation",
    labels: Sequence[str] | None = None,
    window: float = 0.05,
    level: float = 0.95,
    seed: int = 0,
) -> list[Curve]:
    """Draw the learning curves of runs into a file, and return them.

    Parameters
    ----------
    folders, y, labels, window, level, seed
        As for :func:`sharpwave.training.curves.curves`.
    out
        The file; its suffix is the format, such as .png, .svg or .pdf. Its folder is made.

    Raises
    ------
    ModuleNotFoundError
        Matplotlib is missing.
    ValueError
        As for `curves`; or a format that Matplotlib does not know.

    Examples
    --------
    >>> from sharpwave.training.plot import plot
    >>> for curve in plot(["runs/dqn", "runs/rainbow"], "curves.png"):  # doctest: +SKIP
    ...     print(curve)
    CartPole-v1  dqn  step 50000  IQM of evaluation returns 492.10 [471.30, 500.00], 5 seeds
    CartPole-v1  rainbow  step 50000  IQM of evaluation returns 498.24 [489.76, 500.00], 5 seeds
    """
    matplotlib = _matplotlib()
    found = curves(folders, y=y, labels=labels, window=window, level=level, seed=seed)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        _figure(found, level).savefig(path, dpi=200, metadata=WITHOUT_DATE.get(path.suffix.lower()))
    return found


def _matplotlib() -> Any:
    try:
        return importlib.import_module("matplotlib")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a plot needs matplotlib: {INSTALL}", name="matplotlib"
        ) from error


def _figure(found: Sequence[Curve], level: float) -> Any:
    envs = list(dict.fromkeys(curve.env for curve in found))
    columns = min(len(envs), MOST_COLUMNS)
    rows = -(-len(envs) // columns)
    width, height = columns * PANEL_WIDTH, rows * PANEL_HEIGHT
    figure = importlib.import_module("matplotlib.figure").Figure(layout="constrained")
    figure.set_size_inches(width, height + _legend(figure, found, width, level))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    looks = _looks(found)
    for number, (panel, env) in enumerate(zip(panels, envs, strict=False)):
        for curve in found:
            if curve.env == env:
                _draw(panel, curve, *looks[curve.label])
        _dress(panel)
        panel.set_title(env)
        if number % columns == 0:
            panel.set_ylabel(_quantity(found))
        if number + columns >= len(envs):
            panel.set_xlabel("environment steps")
    for panel in panels[len(envs) :]:
        panel.remove()
    figure.align_ylabels()
    return figure


def _looks(found: Sequence[Curve]) -> dict[str, tuple[str, str]]:
    """The colour and the dashes of each label, the same in all panels."""
    labels = dict.fromkeys(curve.label for curve in found)
    turns = [(color, dashes) for dashes in DASHES for color in PALETTE]
    return dict(zip(labels, itertools.cycle(turns), strict=False))


def _draw(panel: Any, curve: Curve, color: str, dashes: str) -> None:
    panel.fill_between(curve.steps, curve.low, curve.high, color=color, alpha=0.2, linewidth=0)
    marker = "." if len(curve.steps) == 1 else ""
    panel.plot(curve.steps, curve.value, dashes, marker=marker, color=color, linewidth=LINE_WIDTH)


def _dress(panel: Any) -> None:
    ticker = importlib.import_module("matplotlib.ticker")
    panel.xaxis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(ticker.EngFormatter(sep=""))
    panel.yaxis.set_major_locator(ticker.MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    panel.margins(x=0)
    panel.set_xlim(left=0)
    panel.grid(axis="y", color="0.9", linewidth=0.6)


def _legend(figure: Any, found: Sequence[Curve], width: float, level: float) -> float:
    """Put a legend below the panels, and return its height in inches."""
    line = importlib.import_module("matplotlib.lines").Line2D
    handles = []
    for label, (color, dashes) in _looks(found).items():
        seeds = _seeds([curve for curve in found if curve.label == label])
        look = {"color": color, "linestyle": dashes, "linewidth": LINE_WIDTH}
        handles.append(line([], [], label=f"{label} ({seeds})", **look))
    longest = max(len(handle.get_label()) for handle in handles)
    columns = min(len(handles), max(1, int(width / (longest * LETTER_WIDTH + HANDLE_WIDTH))))
    several = any(curve.seeds > 1 for curve in found)
    title = f"band: {level * 100:g}% bootstrap interval over seeds" if several else None
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=title)
    return LINE_HEIGHT * (several + -(-len(handles) // columns))


def _seeds(found: Sequence[Curve]) -> str:
    """What the lines of one label are, such as ``IQM of 5 seeds``."""
    counts = sorted({curve.seeds for curve in found})
    if counts[-1] == 1:
        return "1 seed"
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"
    return f"{' or '.join(sorted({curve.statistic for curve in found}))} of {number} seeds"


def _quantity(found: Sequence[Curve]) -> str:
    return " or ".join(sorted({curve.source for curve in found})) + " return"
