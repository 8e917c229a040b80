"""sb3-extra-buffers: ``CompressedReplayBuffer`` in the place of Stable-Baselines3's, with ``zstd-3``, which its README
recommends. Random frames do not compress: decoding them is a copy, in its favour; its memory would be flattered by none.

https://github.com/Trenza1ore/sb3-extra-buffers
"""

from __future__ import annotations

from importlib.metadata import version as version_of

import numpy as np
from gymnasium import spaces
from sb3_extra_buffers.compressed import CompressedReplayBuffer, find_buffer_dtypes

from bench.peers import sb3
from bench.workloads import Rows

label = "sb3-extra-buffers"
MOST = 10_000  # it compresses at each add
stacks, stacks_add, columns = sb3.sample, sb3.add, sb3.columns


def version() -> str:
    return version_of("sb3-extra-buffers")


def make(buffer: str, rows: Rows) -> CompressedReplayBuffer:
    shape, count = rows.obs.shape[1:], min(len(rows), MOST)
    dtypes = find_buffer_dtypes(obs_shape=shape, elem_dtype=np.uint8, compression_method="zstd-3")
    made = CompressedReplayBuffer(
        count,
        spaces.Box(0, 255, shape, np.uint8),
        spaces.Discrete(18),
        device="cpu",
        handle_timeout_termination=True,
        dtypes=dtypes,
        compression_method="zstd-3",
    )
    for i in range(count):
        ended = rows.terminated[i] | rows.truncated[i]
        infos = [{"TimeLimit.truncated": bool(rows.truncated[i])}]
        row = (column[i : i + 1] for column in (rows.obs, rows.next_obs, rows.action, rows.reward))
        made.add(*row, np.array([ended]), infos)
    return made
