"""TorchRL's suite on ``sharpwave.compat.torchrl``.

PYTHONPATH=tests pytest -p dropin.torchrl CHECKOUT/test/rb/test_storages.py test_samplers.py ...
"""

from __future__ import annotations

import torchrl.data
from torchrl.data import replay_buffers
from torchrl.data.replay_buffers import samplers, storages
from torchrl.data.replay_buffers.replay_buffers import prioritized, prioritized_tensordict

import sharpwave.compat.torchrl as ours
from dropin.exceptions import mark

TREES = (
    "a subclass of TorchRL's own, whose compiled trees load only with the torch they were built for"
)
SHARED = "memory that processes share: LazyMemmapStorage is for that"
BEYOND = "writes rows beyond the sampler's capacity, which TorchRL's trees round up to a power of 2"

EXCEPTIONS = {
    "prioritized_slice_sampler": TREES,
    "slice_sampler_prioritized": TREES,
    "-100-20-None-True]": TREES,
    "replacement_kwarg_subclass": TREES,
    "test_shared_storage_prioritized_sampler": "asks the sampler's private tree for `query`",
    "TestSharedStorageInit": SHARED,
    "test_ptdrb": BEYOND,
    "test_compilable_storage_set_fullgraph": "our methods are kept out of tracing, which breaks graphs",
}

REPLACED = {
    "LazyTensorStorage": ours.SharpwaveStorage,
    "PrioritizedSampler": ours.PrioritizedSampler,
    "ReplayBuffer": ours.ReplayBuffer,
    "TensorDictReplayBuffer": ours.TensorDictReplayBuffer,
}

# Where users import from, and TorchRL's prioritized buffers, which make their own samplers. What
# TorchRL subclasses and compares with is left as it is, as with users.
for module in (torchrl.data, replay_buffers, samplers, storages):
    for name, cls in REPLACED.items():
        if hasattr(module, name):
            setattr(module, name, cls)
for module in (prioritized, prioritized_tensordict):
    module.PrioritizedSampler = ours.PrioritizedSampler


def pytest_collection_modifyitems(items) -> None:
    mark(items, EXCEPTIONS)
