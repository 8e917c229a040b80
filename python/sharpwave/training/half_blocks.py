"""A picture as text: two pixels a character, in colours that today's terminals have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sharpwave.agents import checks
from sharpwave.training.rendering import Frame, as_frame

RESET = "\x1b[0m"

Color = list[int]


def half_blocks(frame: npt.ArrayLike, columns: int, rows: int) -> str:
    r"""Return a picture as text: each character is an upper half block over two pixels.

    The picture is brought to the largest size that fits, in its own proportions: averaged over
    areas when it shrinks, by a whole factor when it grows.

    Parameters
    ----------
    frame : array_like
        uint8 of shape (H, W, 3), red, green, blue.
    columns, rows : int
        Characters that there is room for, at least 1.

    Returns
    -------
    str
        Lines joined by newlines, with colours in 24 bits (ISO 8613-6), off again at each end.

    Raises
    ------
    ValueError
        A frame of another shape or dtype; no room.

    Examples
    --------
    >>> import numpy as np
    >>> from sharpwave.training.half_blocks import half_blocks
    >>> half_blocks(np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8), columns=80, rows=1)
    '\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m▀\x1b[0m'
    """
    columns = checks.integer("columns", columns, at_least=1)
    rows = checks.integer("rows", rows, at_least=1)
    pixels = _fitted(as_frame(frame), 2 * rows, columns).tolist()
    uppers, lowers = pixels[::2], pixels[1::2]
    lines = [_line(*pair) for pair in zip(uppers, lowers, strict=False)]
    if len(uppers) > len(lowers):
        lines.append(_line(uppers[-1], [None] * len(uppers[-1])))
    return "\n".join(lines)


def _line(upper: Sequence[Color], lower: Sequence[Color | None]) -> str:
    # A colour holds until the next: to repeat it would multiply what a terminal has to read.
    parts: list[str] = []
    front: Color | None = None
    back: Color | None = None
    for above, below in zip(upper, lower, strict=True):
        if above != front:
            parts.append("\x1b[38;2;{};{};{}m".format(*above))
        if below is not None and below != back:
            parts.append("\x1b[48;2;{};{};{}m".format(*below))
        parts.append("▀")
        front, back = above, below
    return "".join(parts) + RESET


def _fitted(frame: Frame, height: int, width: int) -> Frame:
    scale = min(height / frame.shape[0], width / frame.shape[1])
    if scale >= 1:
        return frame.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    rows, columns = (max(1, round(side * scale)) for side in frame.shape[:2])
    shrunk = np.tensordot(_averages(frame.shape[0], rows), frame, axes=(1, 0))
    shrunk = np.tensordot(shrunk, _averages(frame.shape[1], columns), axes=(1, 1))
    pixels: Frame = np.rint(shrunk).astype(np.uint8).swapaxes(1, 2)
    return pixels


def _averages(pixels: int, areas: int) -> npt.NDArray[np.float64]:
    """The matrix that averages a row of pixels over areas of equal length, (areas, pixels)."""
    edges = np.linspace(0, pixels, areas + 1)[:, np.newaxis]
    left = np.arange(pixels)
    overlap = np.minimum(edges[1:], left + 1) - np.maximum(edges[:-1], left)
    shares: npt.NDArray[np.float64] = np.maximum(overlap, 0) * (areas / pixels)
    return shares
