from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

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
    def rows(self, index: Any, n_step: int | None = None) -> Batch: ...
    def _stats(self) -> dict[str, Any]: ...
    def _listing(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]: ...
    def update_priorities(self, index: Any, td_error: Any) -> None: ...
    def end_episode(self, env_ids: Iterable[int] | None = None) -> None: ...
    def clear(self) -> None: ...
    def _before_fork(self) -> None: ...
    def _after_fork_in_parent(self) -> None: ...
    def _after_fork_in_child(self, pid: int) -> None: ...
    def _save(self, folder: str) -> list[tuple[str, int, int]]: ...
    def _dump(self) -> tuple[list[tuple[str, int, int]], list[bytes]]: ...
    def _restore(self, segments: list[tuple[str, int, int]], folder: str) -> None: ...
    def _restore_dump(
        self, segments: list[tuple[str, int, int]], contents: list[bytes]
    ) -> None: ...
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

class Columns:
    def __init__(
        self,
        *,
        fields: dict[str, Field],
        rows: int,
        cast: Callable[..., NDArray[np.generic]],
        alone: Sequence[str] = (),
    ) -> None: ...
    def __getitem__(self, name: str) -> NDArray[Any]: ...
    def __len__(self) -> int: ...
    def take(self, rows: Any, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]: ...
    def put(self, first: int, count: int, /, *values: Any) -> None: ...
    def scatter(self, rows: Any, /, *values: Any) -> None: ...
    def n_step(
        self,
        rows: Any,
        *,
        reward: str,
        ends: Sequence[str],
        n_step: int,
        gamma: float,
        newest: int,
        environments: int = 1,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]: ...
    @property
    def nbytes(self) -> int: ...

class SumTree:
    def __init__(self, leaves: int, smallest: bool = False) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, places: Any) -> NDArray[np.float32]: ...
    def __setitem__(self, places: Any, values: Any) -> None: ...
    def prioritize(
        self, places: Any, td_error: Any, alpha: float, eps: float
    ) -> tuple[float, float]: ...
    def weigh(
        self, places: Any, beta: float, smallest: float | None = None
    ) -> NDArray[np.float32]: ...
    def find(self, mass: Any) -> NDArray[np.int64]: ...
    def _draw(self, count: int, seed: int) -> NDArray[np.int64]: ...
    def clear(self) -> None: ...
    @property
    def total(self) -> float: ...
    @property
    def has_smallest(self) -> bool: ...
    @property
    def smallest(self) -> float: ...
    @property
    def nbytes(self) -> int: ...

def integers(below: int, count: int, seed: int) -> NDArray[np.int64]: ...
def crc32c(data: bytes) -> int: ...

class Prefetch(Iterator[Batch]):
    def __init__(
        self,
        buffer: ReplayBuffer,
        batch_size: int,
        depth: int,
        length: int | None,
        burn_in: int,
        period: int,
    ) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> Batch: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def close(self) -> None: ...
    def _after_fork_in_child(self) -> None: ...

def td_target(reward: Any, discount: Any, next_q: Any, out: Any, /) -> Any: ...
def td_double_target(
    reward: Any, discount: Any, next_q_online: Any, next_q_target: Any, out: Any, /
) -> Any: ...
def q_table_update(
    table: NDArray[np.float64],
    first_obs: int,
    first_action: int,
    obs: Any,
    action: Any,
    reward: Any,
    next_obs: Any,
    discount: Any,
    learning_rate: float,
    /,
) -> Any: ...
def q_table_greedy(
    table: NDArray[np.float64], first_obs: int, first_action: int, obs: Any, /
) -> Any: ...
def q_table_epsilon_greedy(
    table: NDArray[np.float64],
    first_obs: int,
    first_action: int,
    obs: Any,
    epsilon: float,
    u: Any,
    /,
) -> Any: ...

class DqnStep:
    def __init__(
        self,
        widths: Sequence[int],
        first_action: int,
        double: bool,
        huber: bool,
        max_norm: float | None,
        dueling: bool,
        noisy: bool,
        support: tuple[int, float, float] | None,
    ) -> None: ...
    def __call__(
        self,
        target: NDArray[np.float32],
        values: NDArray[np.float32],
        gradient: NDArray[np.float32],
        exp_avg: NDArray[np.float32],
        exp_avg_sq: NDArray[np.float32],
        step: float,
        learning_rate: float,
        beta1: float,
        beta2: float,
        eps: float,
        obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        next_obs: NDArray[Any],
        discount: NDArray[Any],
        weight: NDArray[Any] | None,
        noise: NDArray[np.float32] | None,
        target_noise: NDArray[np.float32] | None,
    ) -> tuple[float, NDArray[np.float32]]: ...

_Optimized: TypeAlias = tuple[
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
    float,
    float,
    float,
    float,
    float,
]

class SacStep:
    def __init__(
        self,
        obs: int,
        actions: int,
        hidden: Sequence[int],
        critics: int,
        log_std: tuple[float, float],
        mean: bool,
    ) -> None: ...
    def step_critics(
        self,
        critics: _Optimized,
        target: NDArray[np.float32],
        actor: NDArray[np.float32],
        obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        next_obs: NDArray[Any],
        discount: NDArray[Any],
        weight: NDArray[Any] | None,
        noise: NDArray[Any],
        temperature: float,
        members: Sequence[int],
    ) -> tuple[float, NDArray[np.float32]]: ...
    def step_actor(
        self,
        actor: _Optimized,
        critics: NDArray[np.float32],
        obs: NDArray[Any],
        noise: NDArray[Any],
        temperature: float,
    ) -> tuple[float, NDArray[np.float32]]: ...

class Td3Step:
    def __init__(
        self,
        obs: int,
        actions: int,
        hidden: Sequence[int],
        critics: int,
        noise: float,
        noise_clip: float,
    ) -> None: ...
    def step_critics(
        self,
        critics: _Optimized,
        target: NDArray[np.float32],
        actor_target: NDArray[np.float32],
        obs: NDArray[Any],
        action: NDArray[Any],
        reward: NDArray[Any],
        next_obs: NDArray[Any],
        discount: NDArray[Any],
        weight: NDArray[Any] | None,
        noise: NDArray[Any],
    ) -> tuple[float, NDArray[np.float32]]: ...
    def step_actor(
        self, actor: _Optimized, critics: NDArray[np.float32], obs: NDArray[Any]
    ) -> float: ...

def tensors(columns: dict[str, Any], tensor_class: type) -> dict[str, Any] | None: ...
def build_info() -> dict[str, Any]: ...
