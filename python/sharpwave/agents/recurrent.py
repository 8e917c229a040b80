"""Q-networks with a memory: an LSTM between the hidden layers and the head.

They are unrolled over sequences to learn, and asked step by step to act. A recurrent state is one
vector, the LSTM's output beside its cell, as a field of the replay buffer holds it; zeros begin an
episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sharpwave.agents.encoders import Encoder, FloatArray
from sharpwave.agents.networks import Perceptron


class RecurrentQNetwork(nn.Module):
    """An encoder, hidden layers, an LSTM, and a head of one or two streams.

    Parameters
    ----------
    encoder
        From observations to features.
    n_actions
        Number of actions.
    hidden
        Width of each layer before the LSTM; there may be none.
    memory
        Width of the LSTM; a state has twice as many numbers.
    dueling
        Whether the observation has a stream of its own (Wang et al. 2016, arXiv 1511.06581).

    Examples
    --------
    >>> import numpy as np, torch
    >>> from gymnasium.spaces import Box
    >>> from sharpwave.agents.encoders import encoder
    >>> from sharpwave.agents.recurrent import RecurrentQNetwork
    >>> network = RecurrentQNetwork(encoder(Box(-1, 1, (4,), np.float32)), 2, (8,), memory=16)
    >>> network(torch.zeros(3, 10, 4), torch.zeros(3, 32)).shape
    torch.Size([3, 10, 2])
    >>> values, state = network.step(torch.zeros(3, 4), torch.zeros(3, 32))
    >>> values.shape, state.shape
    (torch.Size([3, 2]), torch.Size([3, 32]))
    """

    def __init__(
        self,
        encoder: Encoder,
        n_actions: int,
        hidden: Sequence[int],
        memory: int,
        *,
        dueling: bool = False,
    ) -> None:
        super().__init__()
        # The first module has the first parameters, and cuDNN wants those of an LSTM at the begin
        # of their storage, which all of them share in `FlatParameters`.
        self.lstm = nn.LSTM([encoder.size, *hidden][-1], memory, batch_first=True)
        self.encoder = encoder
        self.torso = Perceptron([encoder.size, *hidden], ends_in_relu=True)
        self.advantage = nn.Linear(memory, n_actions)
        self.value = nn.Linear(memory, 1) if dueling else None

    def forward(self, obs: Tensor, state: Tensor, burn_in: int = 0) -> Tensor:
        """Return the values (B, T, A) of sequences (B, T, ...) from the states before them.

        No gradient flows back into the first ``burn_in`` steps, but where the state is zero.
        """
        if not burn_in:
            return self.unroll(obs, state)[0]
        begins = begins_episode(state)
        # Burn-in is half the work in vain where no sequence has something to learn from it.
        with torch.set_grad_enabled(torch.is_grad_enabled() and bool(begins.any())):
            first, state = self.unroll(obs[:, :burn_in], state)
        state = torch.where(begins.unsqueeze(1), state, state.detach())
        return torch.cat([first, self.unroll(obs[:, burn_in:], state)[0]], 1)

    def unroll(self, obs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values of sequences, (B, T, A), and the states behind them."""
        features = self.torso(self.encoder(obs.flatten(0, 1))).unflatten(0, obs.shape[:2])
        output, cell = state.unsqueeze(0).chunk(2, -1)
        outputs, (output, cell) = self.lstm(features, (output.contiguous(), cell.contiguous()))
        return self.head(outputs), torch.cat([output, cell], -1).squeeze(0)

    def step(self, obs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the values of observations (B, ...), (B, A), and the states behind them."""
        features = self.torso(self.encoder(obs))
        # For one step a cell costs a fifth of what a sequence of one does.
        (weights,) = self.lstm.all_weights
        output, cell = torch.lstm_cell(features, state.chunk(2, -1), *weights)
        return self.head(output), torch.cat([output, cell], -1)

    def head(self, features: Tensor) -> Tensor:
        """Return values (..., A) of what the LSTM gives, (..., memory)."""
        advantage: Tensor = self.advantage(features)
        if self.value is None:
            return advantage
        value: Tensor = self.value(features)
        return value + advantage - advantage.mean(-1, keepdim=True)


class Memory:
    """The recurrent states of the episodes that an agent acts in.

    Attributes
    ----------
    state
        After the last step, (size,) or (N, size), or None where nothing is remembered.
    before
        Before it.

    Examples
    --------
    >>> import numpy as np
    >>> from sharpwave.agents.recurrent import Memory
    >>> memory = Memory(2)
    >>> memory.recall((3,)).shape
    (3, 2)
    >>> memory.keep(np.ones((3, 2), np.float32))
    >>> memory.forget(np.array([False, True, False]))
    >>> memory.recall((3,))[:, 0].tolist()
    [1.0, 0.0, 1.0]
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.state: FloatArray | None = None
        self.before: FloatArray | None = None

    def recall(self, lead: tuple[int, ...]) -> FloatArray:
        """Return the states to go on from, (*lead, size): zeros where nothing is remembered."""
        state = np.zeros((*lead, self.size), np.float32) if self.state is None else self.state
        if state.shape[:-1] != lead:
            raise ValueError(
                f"obs: expected as many as at the step before, {state.shape[:-1]}, got {lead}; "
                "say first that other episodes begin: begin(None) to explore, reset() to act"
            )
        self.before = state
        return state

    def keep(self, state: FloatArray) -> None:
        """Remember the states behind the step that the last ones recalled were for."""
        self.state = state

    def forget(self, which: Any = None) -> None:
        """Forget everything, or the episodes where a mask (N,) says so."""
        if which is None:
            self.state = None
        elif self.state is not None:
            self.state = np.where(np.asarray(which)[:, np.newaxis], np.float32(0), self.state)

    def state_dict(self) -> dict[str, Tensor | None]:
        return {"state": None if self.state is None else torch.from_numpy(self.state.copy())}

    def load_state_dict(self, state: Mapping[str, Tensor | None]) -> None:
        value = state["state"]
        self.state = None if value is None else value.numpy().copy()


def begins_episode(state: Tensor) -> Tensor:
    """Return which of the states (B, size) are an episode's first: those that are zero, (B,)."""
    return (state == 0).all(1)
