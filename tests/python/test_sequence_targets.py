"""Targets along a sequence, and the scale of values, against plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from memory_tasks import (
    SPACES,
    Walk,
    agent_of,
    collected,
    plain_rescaled,
    plain_targets,
    plain_unrescaled,
)

from sharpwave.agents.sequence_targets import rescaled, unrescaled, with_successor

# --- the value's scale


PLACES = [0.0, 1e-6, -1e-3, 0.5, -3.0, 47.1, -1e3, 1e5]


def test_the_scale_and_its_inverse_are_those_of_the_paper() -> None:
    x = torch.tensor(PLACES, dtype=torch.float64)
    expected = [plain_rescaled(place) for place in PLACES]
    np.testing.assert_allclose(rescaled(x), expected, rtol=1e-9, atol=1e-12)
    expected = [plain_unrescaled(place) for place in PLACES]
    np.testing.assert_allclose(unrescaled(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "rtol"), [(torch.float64, 1e-14), (torch.float32, 1e-6)], ids=str
)
def test_there_and_back_is_where_it_began_in_every_digit(dtype, rtol) -> None:
    x = torch.tensor(PLACES, dtype=dtype)
    torch.testing.assert_close(unrescaled(rescaled(x)), x, rtol=rtol, atol=0.0)
    torch.testing.assert_close(rescaled(unrescaled(x)), x, rtol=rtol, atol=0.0)


# --- targets


@pytest.fixture(scope="module")
def sequences() -> Any:
    return collected(gamma=0.9, length=9, batch_size=64)[1]


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("n_step", [1, 2, 5, 20])
def test_targets_are_n_step_returns_inside_the_sequence(n_step, double, rescale, sequences) -> None:
    agent, batch = agent_of(n_step=n_step, double=double, rescale=rescale), sequences
    assert batch.terminated.any() and batch.truncated.any() and not batch.mask.all()
    assert batch.mask.all(1).any(), "and windows that the sequence's end cuts"
    next_q, chooser = 3 * torch.randn(2, 64, 13, 3, generator=torch.Generator().manual_seed(0))
    y = agent.targets(batch, next_q, chooser, None) * batch.mask
    expected = plain_targets(batch, next_q, chooser, agent.config)
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", SPACES)
def test_behind_each_row_comes_its_successor_whatever_ends_there(name) -> None:
    _, batch = collected(Walk(SPACES[name]))
    longer = with_successor(batch.obs, batch.next_obs, batch.mask)
    if name != "masked":
        longer, batch.obs, batch.next_obs = ({"": x} for x in (longer, batch.obs, batch.next_obs))
    for key, obs in longer.items():
        for b, t in batch.mask.nonzero().tolist():
            assert torch.equal(obs[b, t], batch.obs[key][b, t])
            assert torch.equal(obs[b, t + 1], batch.next_obs[key][b, t])
