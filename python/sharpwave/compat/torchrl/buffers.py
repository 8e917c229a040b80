"""ReplayBuffer and TensorDictReplayBuffer: TorchRL's, with short ways over a SharpwaveStorage."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torchrl import data as peer
from torchrl.data.replay_buffers.storages import _collate_id

from sharpwave.compat.torchrl.sampler import PrioritizedSampler
from sharpwave.compat.torchrl.storage import SharpwaveStorage
from sharpwave.compat.torchrl.tracing import not_traced

# Those that draw a tensor of rows, and tell of it what a TensorDict can hold.
_SAMPLERS = (peer.RandomSampler, peer.SamplerWithoutReplacement, PrioritizedSampler)


class ReplayBuffer(peer.ReplayBuffer):
    """TorchRL's ``ReplayBuffer``, which samples from a :class:`SharpwaveStorage` with little ado.

    Other Parameters
    ----------------
    **options : any
        As for TorchRL's.

    Notes
    -----
    The short way is that of TensorDicts drawn by ``RandomSampler``, ``SamplerWithoutReplacement``
    or our ``PrioritizedSampler``. Transforms, sample units, prefetching, pinned memory and other
    storages, samplers and writers work as they do in TorchRL.

    Examples
    --------
    >>> import torch
    >>> from tensordict import TensorDict
    >>> from sharpwave.compat.torchrl import ReplayBuffer, SharpwaveStorage
    >>> buffer = ReplayBuffer(storage=SharpwaveStorage(1000), batch_size=2)
    >>> index = buffer.extend(TensorDict({"obs": torch.ones(3, 4)}, [3]))
    >>> buffer.sample()["obs"].shape
    torch.Size([2, 4])
    """

    def _is_plain(self) -> bool:
        """Whether nothing but the sampler has a say in a sample."""
        return (
            self._initialized
            and type(self._storage) is SharpwaveStorage
            and self._storage.layout is not None
            and type(self._sampler) in _SAMPLERS
            and not self._writer.tracks_generations
            and self._collate_fn is _collate_id
            and self._sample_unit is self._sample_dependency is None
            and not (len(self._transform) or self._prefetch or self._pin_memory)
            and not self._service_shutdown
        )

    @not_traced
    def sample(self, batch_size: int | None = None, return_info: bool = False, **more: Any) -> Any:
        """Return a batch.

        Parameters
        ----------
        batch_size : int, optional
            By default that of the buffer.
        return_info : bool, default False
            Whether to return what is known of the batch too, its ``index`` first of all.
        **more
            As for TorchRL's.

        Returns
        -------
        data : TensorDict of batch size (B,)
            Or what else the storage holds, as in TorchRL.
        info : dict
            With ``return_info``.

        Raises
        ------
        RuntimeError
            An empty buffer; no batch size.
        """
        size = self._batch_size if batch_size is None else batch_size
        if more or size is None or self._batch_size not in (None, size) or not self._is_plain():
            return super().sample(batch_size, return_info, **more)
        with self._replay_lock, self._write_lock:
            index, info = self._sampler.sample(self._storage, size)
            data = self._storage.gather(index)
        info["index"] = index
        if self._is_tensordict:
            data._tensordict.update(info)
        return (data, info) if return_info else data


class TensorDictReplayBuffer(ReplayBuffer, peer.TensorDictReplayBuffer):
    """TorchRL's ``TensorDictReplayBuffer``, which also adds and extends with little ado.

    Other Parameters
    ----------------
    **options : any
        As for TorchRL's.

    Notes
    -----
    See :class:`ReplayBuffer`. As in TorchRL, a step is stored with its ``"index"``, and
    samples have ``"index"`` and, where priorities are, ``"priority_weight"``.

    Examples
    --------
    >>> import torch
    >>> from tensordict import TensorDict
    >>> from sharpwave.compat.torchrl import SharpwaveStorage, TensorDictReplayBuffer
    >>> buffer = TensorDictReplayBuffer(storage=SharpwaveStorage(1000), batch_size=2)
    >>> buffer.add(TensorDict({"obs": torch.ones(4)}, []))
    0
    >>> buffer.sample()["index"]
    tensor([0, 0])
    """

    def _takes(self, data: Any, dims: int) -> bool:
        """Whether this is data for the short way, of so many dimensions."""
        return (
            type(data) is TensorDict
            and data.batch_dims == dims
            and (data.device is None or data.device.type == "cpu")
            and data.get(self.priority_key, None) is None
            and self._is_plain()
            and type(self._writer) is peer.TensorDictRoundRobinWriter
            and self._dim_extend == 0
        )

    @not_traced
    def add(self, data: Any) -> Any:
        """Add one step.

        Parameters
        ----------
        data : TensorDict of batch size ()

        Returns
        -------
        int
            The row of the step.
        """
        if not self._takes(data, 0):
            return super().add(data)
        with self._replay_lock, self._write_lock:
            step = _with_index(data, torch.tensor(self._writer._cursor))
            index = peer.RoundRobinWriter.add(self._writer, step)
            self._sampler.add(index)
        return index

    @not_traced
    def extend(self, tensordicts: Any, *, update_priority: bool | None = None) -> Any:
        """Add many steps.

        Parameters
        ----------
        tensordicts : TensorDict of batch size (N,)
        update_priority : bool, default True
            Whether priorities among the data are the steps' own.

        Returns
        -------
        Tensor of int64, shape (N,)
            The rows of the steps.
        """
        if not (self._takes(tensordicts, 1) and len(tensordicts)):
            return super().extend(tensordicts, update_priority=update_priority)
        with self._replay_lock, self._write_lock:
            rows = torch.arange(len(tensordicts)) + self._writer._cursor
            steps = _with_index(tensordicts, rows % self._storage.max_size)
            index = peer.RoundRobinWriter.extend(self._writer, steps)
            self._sampler.extend(index)
        return index


def _with_index(data: TensorDict, index: torch.Tensor) -> TensorDict:
    """Return the same values and their rows, which are known to fit."""
    return TensorDict._new_unsafe({**data._tensordict, "index": index}, data.batch_size)
