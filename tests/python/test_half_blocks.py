"""Pictures as characters, by literals and beside plain loops."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from picture_env import drawn

pytest.importorskip("torch")

from sharpwave.training import half_blocks as module

half_blocks = module.half_blocks

ESC = "\x1b"
RED, GREEN, BLUE, BLACK = [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]


def test_the_examples_run() -> None:
    assert doctest.testmod(module).failed == 0


def test_a_character_has_the_upper_pixel_in_front_and_the_lower_behind() -> None:
    frame = np.array([[RED, GREEN], [BLUE, BLACK]], np.uint8)
    assert half_blocks(frame, 2, 1) == (
        f"{ESC}[38;2;255;0;0m{ESC}[48;2;0;0;255m▀{ESC}[38;2;0;255;0m{ESC}[48;2;0;0;0m▀{ESC}[0m"
    )


def test_a_colour_that_goes_on_is_not_repeated() -> None:
    frame = np.array([[RED, RED, RED], [BLUE, BLUE, GREEN]], np.uint8)
    assert half_blocks(frame, 3, 1) == (
        f"{ESC}[38;2;255;0;0m{ESC}[48;2;0;0;255m▀▀{ESC}[48;2;0;255;0m▀{ESC}[0m"
    )


def test_below_an_odd_last_row_is_the_terminals_own_colour() -> None:
    frame = np.array([[RED], [GREEN], [BLUE]], np.uint8)
    assert half_blocks(frame, 1, 2) == (
        f"{ESC}[38;2;255;0;0m{ESC}[48;2;0;255;0m▀{ESC}[0m\n{ESC}[38;2;0;0;255m▀{ESC}[0m"
    )


@pytest.mark.parametrize("seed", range(30))
def test_a_picture_that_shrinks_is_averaged_over_areas(seed) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 40, 2)
    columns, rows = random.integers(1, 12, 2)
    frame = random.integers(0, 256, (height, width, 3), np.uint8)
    pixels = drawn(half_blocks(frame, int(columns), int(rows)))
    scale = min(2 * rows / height, columns / width)
    if scale >= 1:
        expected = np.kron(frame, np.ones((int(scale), int(scale), 1), np.uint8))
    else:
        expected = plain_areas(frame, max(1, round(height * scale)), max(1, round(width * scale)))
    assert pixels.shape[0] <= 2 * rows
    assert pixels.shape[1] <= columns
    assert (pixels[len(expected) :] == -1).all()
    np.testing.assert_allclose(pixels[: len(expected)], expected, atol=0.5 + 1e-9)


def plain_areas(frame, height, width) -> np.ndarray:
    """Each pixel of the result gathers what lies under it, in loops."""
    result = np.zeros((height, width, 3))
    tall, wide = frame.shape[0] / height, frame.shape[1] / width
    for i in range(height):
        for j in range(width):
            for y in range(frame.shape[0]):
                for x in range(frame.shape[1]):
                    down = min((i + 1) * tall, y + 1) - max(i * tall, y)
                    across = min((j + 1) * wide, x + 1) - max(j * wide, x)
                    if down > 0 and across > 0:
                        result[i, j] += frame[y, x] * (down * across / (tall * wide))
    return result


@pytest.mark.parametrize(
    ("frame", "columns", "rows", "message"),
    [
        (np.zeros((2, 2), np.uint8), 1, 1, "expected uint8 of shape"),
        (np.zeros((2, 2, 3), np.uint8), 0, 1, "columns: expected an integer of at least 1"),
        (np.zeros((2, 2, 3), np.uint8), 1, 0, "rows: expected an integer of at least 1"),
    ],
)
def test_what_cannot_be_drawn(frame, columns, rows, message) -> None:
    with pytest.raises(ValueError, match=message):
        half_blocks(frame, columns, rows)
