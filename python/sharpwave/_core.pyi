from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpwave.batch import Batch
from sharpwave.field import Field
from sharpwave.hindsight import Hindsight
from sharpwave.samplers import Sampler
from sharpwave.spaces import FieldTree

class ReplayBuffer:
    def __init__(
        self,
        *,
        capacity: int,
        obs: FieldTree,
        action: FieldTree,
        extra_fields: dict[str, Field],
        frames: list[int],
        num_envs: int,
        n_step: int,
        gamma: float,
        sampler: Sampler,
        is_reservoir: bool,
        skip_resets: bool,
        seed: int,
        batch_type: type[Batch],
        cast: Callable[..., NDArray[np.generic]],
        final_obs: Callable[[Any, Any, NDArray[np.bool_]], Any] | None,
        hindsight: Hindsight | None,
        rewards: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]] | None,
    ) -> None: ...
    def add(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        next_obs: Any,
        terminated: Any,
        truncated: Any,
        info: Any = None,
        *,
        env_ids: Iterable[int] | None = None,
        **extra: Any,
    ) -> None: ...
    def extend(
        self,
        obs: Any,
        action: Any,
        reward: Any,
        next_obs: Any,
        terminated: Any,
        truncated: Any,
        *,
        env_ids: Iterable[int] | None = None,
        **extra: Any,
    ) -> None: ...
    def sample(self, batch_size: int | None = None, out: Batch | None = None) -> Batch: ...
    def sample_sequences(
        self, batch_size: int, length: int, burn_in: int = 0, period: int = 1
    ) -> Batch: ...
    def rows(self, index: Any) -> Batch: ...
    def update_priorities(self, index: Any, td_error: Any) -> None: ...
    def end_episode(self, env_ids: Iterable[int] | None = None) -> None: ...
    def clear(self) -> None: ...
    def _before_fork(self) -> None: ...
    def _after_fork_in_parent(self) -> None: ...
    def _after_fork_in_child(self, pid: int) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, name: str) -> Any: ...
    @property
    def capacity(self) -> int: ...
    @property
    def num_envs(self) -> int: ...
    @property
    def _n_step(self) -> int: ...
    @_n_step.setter
    def _n_step(self, value: int) -> None: ...
    @property
    def _gamma(self) -> float: ...
    @_gamma.setter
    def _gamma(self, value: float) -> None: ...
    @property
    def nbytes(self) -> int: ...

def td_target(reward: Any, discount: Any, next_q: Any, out: Any, /) -> Any: ...
def td_double_target(
    reward: Any, discount: Any, next_q_online: Any, next_q_target: Any, out: Any, /
) -> Any: ...
def tensors(columns: dict[str, Any], tensor_class: type) -> dict[str, Any] | None: ...
def build_info() -> dict[str, Any]: ...
