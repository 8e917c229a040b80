"""The lines of the tables: which operations stand together, and what they are called."""

from __future__ import annotations

from collections.abc import Iterable

from bench.kinds import DATA, EVERYWHERE, EVERYWHERE_SIZES, FORMS, KINDS
from bench.tables import Row

FORM_WORDS = {
    "arrays": "arrays",
    "arrays-read": "arrays, every field read",
    "tensors": "tensors",
    "tensors-read": "tensors, every field read",
}
REPLAY = ("prioritized", "tree", "n_step", "without_replacement")
FRAMES = ("stacks", "stacks_add", "sequences")
TARGETS = ("target", "double_target", "c51")
UNIFORM = ("sample", "add", "add_16", "add_128", "threads")
DISK = ("save", "load")

# what the front page and the chart show
SHORT = {
    "sample/256/tensors": "sample 256, tensors",
    "sample/4096/tensors": "sample 4,096, tensors",
    "sample/256/arrays": "sample 256, arrays",
    "add": "add a step",
    "add_16": "add a step of 16 environments",
    "add_128": "add a step of 128 environments",
    "prioritized/256/tensors": "prioritized: sample 256, update",
    "tree/65536/arrays": "prioritized: sample 65,536, update",
    "n_step/256/tensors": "5-step returns, sample 256",
    "without_replacement/256/tensors": "without replacement, sample 256",
    "stacks/256/tensors": "256 stacks of 4 frames, 84×84",
    "sequences/64x80/tensors": "64 sequences of 80 frames",
    "save": "save a million rows, ms",
    "load": "load them, ms",
    "double_target/256x4/tensors": "double Q targets of 256",
    "c51/256x51/tensors": "distributional targets of 256",
}


def short() -> list[Row]:
    """A line for each of `SHORT`."""
    return [
        Row(title, (name,), 1e6 if KINDS[name.split("/")[0]].wall else 1e3)
        for name, title in SHORT.items()
    ]


def of(kinds: Iterable[str]) -> list[Row]:
    """The lines of these kinds, on their own data."""
    return [row for kind in kinds for row in (targets(kind) if kind in TARGETS else sizes(kind))]


def sizes(kind: str) -> list[Row]:
    """A line for each size and form."""
    about = KINDS[kind]
    if not about.sizes:
        return [Row(about.words, (kind,), 1e6 if about.wall else 1e3)]
    return [
        Row(f"{about.words.format(size)}, {FORM_WORDS[form]}", (f"{kind}/{size}/{form}",))
        for size in about.sizes
        for form in about.forms
    ]


def targets(kind: str) -> list[Row]:
    """A line for each batch size and form, for all action counts together."""
    about = KINDS[kind]
    batches = dict.fromkeys(str(size).split("x")[0] for size in about.sizes)
    return [
        Row(
            f"{about.words.format(batch)}, {form}",
            tuple(f"{kind}/{size}/{form}" for size in about.sizes if str(size).startswith(f"{batch}x")),
        )
        for batch in batches
        for form in about.forms
    ]  # fmt: skip


def elsewhere(data: str) -> list[Row]:
    """The lines of the kinds that are measured on data that is not their own."""
    return [
        Row(KINDS[kind].words.format(size) + (f", {FORM_WORDS[form]}" if form else ""), (f"{name}@{data}",))
        for kind in EVERYWHERE
        for size, form, name in named(kind)
    ]  # fmt: skip


def named(kind: str) -> list[tuple[int, str, str]]:
    if not KINDS[kind].sizes:
        return [(0, "", kind)]
    return [(size, form, f"{kind}/{size}/{form}") for size in EVERYWHERE_SIZES for form in FORMS]


def others() -> list[str]:
    """Data on which nothing but `EVERYWHERE` is measured."""
    return [name for name in DATA if name not in {kind.data for kind in KINDS.values()}]


def everything() -> list[Row]:
    """Every line of every table."""
    return of(KINDS) + [row for data in others() for row in elsewhere(data)]
