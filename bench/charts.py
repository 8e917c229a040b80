"""Charts of a results file, as SVG: ``python -m bench --plot bench/results/FILE.json``.

Text and lines are of the reader's colour, light or dark.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import lines
from bench.peers import LIMIT, OURS, PEERS
from bench.tables import by_speed

FOLDER = Path(__file__).with_name("charts")
INK = "#123456"  # stands for the reader's colour until the file is written
STYLE = (
    "<style>svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e6edf3}}</style><defs>"
)
COLORS = ("#0969da", "#1f9d55", "#d1242f", "#9a6700", "#8250df", "#bf3989", "#57606a", "#1b7c83")
MARKS = "os^DvP*X<>hd"


def draw(result: dict[str, Any], folder: Path = FOLDER) -> list[Path]:
    """Both charts; what is not in the results is left out."""
    folder.mkdir(exist_ok=True)
    charts = {folder / "speed.svg": speed, folder / "memory.svg": memory}
    return [path for path, chart in charts.items() if chart(result, path)]


def speed(result: dict[str, Any], path: Path) -> bool:
    """A line an operation, a mark a peer, placed at its time over ours."""
    rivals = {row.title.removesuffix(", ms"): by_speed(result, row) for row in lines.short()}
    rivals = {title: found for title, found in rivals.items() if found}
    if not rivals:
        return False
    figure, axes = canvas(len(rivals))
    for peer in PEERS:
        places = [
            (factor, line)
            for line, found in enumerate(rivals.values())
            for factor, name in found
            if name == peer
        ]
        if places:
            axes.scatter(*zip(*places, strict=True), **look(peer), label=label(result, peer))
    axes.set(xscale="log", yticks=range(len(rivals)), yticklabels=list(rivals))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.axvline(1, color=INK, linewidth=1.5)
    axes.set_title("time of a call, as a multiple of sharpwave's", color=INK, fontsize=10)
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.35, -0.06), **legend())
    return write(figure, path)


def memory(result: dict[str, Any], path: Path) -> bool:
    """A bar a contender: bytes of a transition of stacks of frames."""
    stacks = result.get("memory", {}).get("stacks", {})
    # random frames do not compress: of a library that compresses they say nothing
    found = {name: each for name, each in stacks.items() if name not in (LIMIT, "sb3_extra")}
    if OURS not in found:
        return False
    names = sorted(found, key=lambda name: found[name])
    figure, axes = canvas(len(names) + 1)
    colors = [COLORS[0] if name == OURS else COLORS[6] for name in names]
    axes.barh(range(len(names)), [found[name] / 1e3 for name in names], color=colors, height=0.6)
    loses = {n for n in names if "stacks" in result["contenders"][n].get("loses_final", ())}
    labels = [label(result, name) + "*" * (name in loses) for name in names]
    axes.set(yticks=range(len(names)), yticklabels=labels)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} kB")
    title = "memory of a transition of 4 × 84 × 84 stacks (* without an episode's last observation)"
    axes.set_title(title, color=INK, fontsize=10)
    return write(figure, path)


def label(result: dict[str, Any], name: str) -> str:
    found: str = result["contenders"][name]["label"]
    return found


def look(peer: str) -> dict[str, Any]:
    place = PEERS.index(peer)
    return {"color": COLORS[place % len(COLORS)], "marker": MARKS[place % len(MARKS)], "s": 36}


def legend() -> dict[str, Any]:
    return {"frameon": False, "fontsize": 9, "labelcolor": INK, "handletextpad": 0.2}


def canvas(count: int) -> tuple[Any, Any]:
    """A figure without a background, its first line on top."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "bench"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.34 * count), layout="constrained")
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.invert_yaxis()
    axes.tick_params(colors=INK, length=0, labelsize=9)
    axes.grid(axis="x", color=INK, alpha=0.15)
    axes.spines[:].set_visible(False)
    return figure, axes


def write(figure: Any, path: Path) -> bool:
    """The file, its ink the reader's colour."""
    from matplotlib import pyplot

    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    text = path.read_text().replace("<defs>", STYLE, 1).replace(INK, "currentColor")
    stripped = (line.rstrip() for line in text.splitlines())
    path.write_text("\n".join(stripped) + "\n")
    return True
