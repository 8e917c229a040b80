"""What is measured: kinds of operations, and the data that they work on.

An operation's name is a path: ``sample/256/arrays``, ``add``, ``sequences/64x80/tensors``,
``target/256x4/tensors`` (256 rows, 4 actions). A kind is one entry of `KINDS`, and one function in the
module of each contender that can do it. On data other than its own a kind's operations are named
``sample/256/arrays@obs376``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

BATCHES = (32, 256, 1024, 4096)
ACTIONS = (2, 4, 6)
ATOMS = 51
SAMPLE_FORMS = ("arrays", "arrays-read", "tensors", "tensors-read")
FORMS = ("arrays", "tensors")


@dataclass(frozen=True)
class Data:
    """Rows of one shape, and how many of them."""

    words: str
    sort: str  # the maker of the rows: "vectors", "stacks", "frames", "values"
    rows: int = 0
    obs: int = 17
    action: int = 6


DATA = {
    "vectors": Data("1e6 rows, observations of 17", "vectors", 1_000_000),
    "obs4": Data("1e6 rows, observations of 4", "vectors", 1_000_000, 4, 1),
    "obs376": Data("1e5 rows, observations of 376", "vectors", 100_000, 376, 17),
    "rows1e5": Data("1e5 rows, observations of 17", "vectors", 100_000),
    "rows4e6": Data("4e6 rows, observations of 17", "vectors", 4_000_000),
    "stacks": Data("1e5 rows, stacks of 4 frames of 84x84", "stacks", 100_000),
    "frames": Data("1e5 rows, frames of 84x84", "frames", 100_000),
    "values": Data("rewards, discounts, action values", "values"),
}
# every kind on its own data, and these on all vectors
EVERYWHERE = ("sample", "add", "prioritized")
EVERYWHERE_SIZES = (32, 256, 4096)


@dataclass(frozen=True)
class Kind:
    """Operations of one kind: what they work on, and the sizes and forms that they come in.

    Kinds that work on the same data are measured together, in the same processes.
    """

    words: str  # a table's line, with {} for the size
    data: str = "vectors"
    buffer: str = "uniform"  # as the contenders' make() knows it
    sizes: tuple[int | str, ...] = ()
    forms: tuple[str, ...] = ()
    work: str = ""  # the function in a contender's module, if not the kind's own name
    beside: bool = False  # our uniform sample is measured in the same run
    wall: bool = False  # waits for the disk: processor time would say too little

    def operations(self, kind: str) -> list[str]:
        names = [f"{kind}/{size}/{form}" for size in self.sizes for form in self.forms]
        return names or [kind]


def pairs(sizes: Iterable[int], widths: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"{size}x{width}" for size in sizes for width in widths)


KINDS = {
    "sample": Kind("`sample({})`", sizes=BATCHES, forms=SAMPLE_FORMS),
    "add": Kind("`add`, one transition"),
    "add_16": Kind("`add`, 16 environments", buffer="envs_16", work="add_many"),
    "add_128": Kind("`add`, 128 environments", buffer="envs_128", work="add_many"),
    "threads": Kind("`sample({})`, two threads at once, a sample", sizes=(256,), forms=FORMS),
    "save": Kind("save", wall=True),
    "load": Kind("load", wall=True),
    "prioritized": Kind("`sample({})` and `update_priorities`, prioritized", buffer="prioritized",
                        sizes=BATCHES, forms=FORMS, beside=True),
    "tree": Kind("`sample({})` and `update_priorities`, prioritized", buffer="prioritized",
                 sizes=(65536,), forms=("arrays",), work="prioritized"),
    "n_step": Kind("`sample({})`, 5-step", buffer="n_step", sizes=BATCHES, forms=FORMS, beside=True),
    "without_replacement": Kind("`sample({})`, without replacement", buffer="without_replacement",
                                sizes=BATCHES, forms=FORMS, beside=True),
    "stacks": Kind("`sample({})`, stacks of 4 frames", "stacks", "stacks", (32, 256), ("tensors",)),
    "stacks_add": Kind("`add`, one transition of stacks", "stacks", "stacks"),
    "sequences": Kind("`sample_sequences`, {} frames", "frames", "frames", ("64x80",), ("tensors",)),
    "target": Kind("`target`, batch {}", "values", sizes=pairs(BATCHES, ACTIONS), forms=FORMS),
    "double_target": Kind("`double_target`, batch {}", "values", sizes=pairs(BATCHES, ACTIONS), forms=FORMS),
    "c51": Kind("distributional target, 51 atoms, batch {}", "values",
                sizes=pairs(BATCHES, [ATOMS]), forms=("tensors",)),
}  # fmt: skip


# a quick run has fewer data sets, and a third of the rows
QUICK_DATA, QUICK_SHARE = ("vectors", "obs376", "rows4e6", "stacks", "frames", "values"), 3


@dataclass(frozen=True)
class Part:
    """Kinds that are measured together, on one data set."""

    data: str
    kinds: dict[str, Kind]
    quick: bool = False

    @property
    def rows(self) -> int:
        """How many rows a contender stores."""
        return DATA[self.data].rows // (QUICK_SHARE if self.quick else 1)

    def rename(self, operation: str) -> str:
        """The operation's name in the results."""
        own = KINDS[operation.split("/", maxsplit=1)[0]].data == self.data
        return operation if own else f"{operation}@{self.data}"


def parts(
    kinds: Iterable[str] = KINDS, data: Iterable[str] = DATA, quick: bool = False
) -> list[Part]:
    """What to measure, data set by data set.

    >>> [(part.data, list(part.kinds)) for part in parts(["sample", "n_step", "target"], ["vectors", "obs4", "values"])]
    [('vectors', ['sample', 'n_step']), ('obs4', ['sample']), ('values', ['target'])]
    """
    found = []
    for name in data:
        chosen = {kind: sized(kind, name, quick) for kind in kinds if belongs(kind, name)}
        if chosen and (name in QUICK_DATA or not quick):
            found.append(Part(name, chosen, quick))
    return found


def belongs(kind: str, data: str) -> bool:
    return KINDS[kind].data == data or (kind in EVERYWHERE and DATA[data].sort == "vectors")


def sized(kind: str, data: str, quick: bool) -> Kind:
    """The kind with the sizes that are measured on this data."""
    full = KINDS[kind]
    if quick:
        kept = tuple(size for size in full.sizes if str(size).split("x")[0] not in ("1024", "4096"))
        few = tuple(size for size in kept if str(size).split("x")[-1] not in ("2", "6"))
        return replace(full, sizes=few[-1:], forms=tuple(f for f in full.forms if "-read" not in f))
    if data == full.data or not full.sizes:
        return full
    return replace(full, sizes=EVERYWHERE_SIZES, forms=FORMS)
