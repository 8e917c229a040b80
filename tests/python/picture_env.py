"""A tiny environment to look at: its pictures and its text say which place it is in.

`drawn` reads a picture back from the text that a terminal gets.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
from tiny_envs import Chain

SHADES = (0, 60, 120, 180, 240)


class PictureChain(Chain):
    """`Chain`, all of whose pixels have the shade of the place; red stays at 200."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, render_mode: str | None = None, size: tuple[int, int] = (5, 7)) -> None:
        super().__init__()
        self.render_mode, self.size = render_mode, size
        self.closed = False

    def render(self) -> Any:
        if self.render_mode == "ansi":
            return "\n" + "." * self.place + "x"
        frame = np.full((*self.size, 3), SHADES[self.place], np.uint8)
        frame[..., 0] = 200
        return frame

    def close(self) -> None:
        self.closed = True


class TextChain(PictureChain):
    """One that offers text as well."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human", "rgb_array", "ansi"]}


def drawn(text: str) -> np.ndarray:
    """The pixels of a text, read as a terminal does; -1 where it shows its own colour."""
    lines = []
    for line in text.split("\n"):
        colors = {"38": [-1] * 3, "48": [-1] * 3}
        pairs = []
        for code, block in re.findall(r"\x1b\[([\d;]+)m|(▀)", line):
            if block:
                pairs.append((colors["38"], colors["48"]))
            elif code != "0":
                layer, _, *color = code.split(";")
                colors[layer] = [int(part) for part in color]
        lines += [[above for above, _ in pairs], [below for _, below in pairs]]
    return np.array(lines)
