"""CleanRL's ``dqn.py``, the script of a checkout as it stands, with its TensorBoard log.

https://docs.cleanrl.dev/rl-algorithms/dqn/#dqnpy
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

import numpy as np
import torch

from bench.learners.run import Learned, Run
from bench.learners.tasks import Task

# CleanRL is pinned to gymnasium 0.29. These are all the changes that 1.x needs: the autoreset mode that 0.29 had,
# the new names of what it puts into infos. The last two are ours: the clock, and no evaluation at the end, which
# is done for all contenders alike.
CHANGES = {
    "for i in range(args.num_envs)]\n": "for i in range(args.num_envs)],\n"
    "        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,\n",
    'for info in infos["final_info"]:': "for info in [infos['final_info']]:",
    'infos["final_observation"]': 'infos["final_obs"]',
    "env = gym.make(env_id)\n": "env = timed(gym.make(env_id))\n",
    "from cleanrl_utils.evals.dqn_eval import evaluate": "raise SystemExit(0)",
}
OPTIONS = {
    "learning_rate": "learning-rate",
    "buffer_size": "buffer-size",
    "gamma": "gamma",
    "target_update_interval": "target-network-frequency",
    "batch_size": "batch-size",
    "epsilon_start": "start-e",
    "epsilon_end": "end-e",
    "exploration_fraction": "exploration-fraction",
    "learning_starts": "learning-starts",
    "train_freq": "train-frequency",
}


def learn(run: Run) -> Learned:
    if run.checkout is None:
        raise ImportError("say where a checkout is with --cleanrl")
    script = run.folder / "dqn.py"
    script.write_text(adapted((run.checkout / "cleanrl" / "dqn.py").read_text()))
    sys.path.insert(0, str(run.checkout))
    sys.argv = [str(script), *arguments(run.task, run.seed)]
    given = {"timed": run.clock.timed}
    # It prints every episode.
    with (run.folder / "log.txt").open("w") as log, redirect_stdout(log), suppress(SystemExit):
        runpy.run_path(str(script), given, run_name="__main__")
    return Learned(greedy(torch.load(next(run.folder.glob("runs/*/*.cleanrl_model")))))


def arguments(task: Task, seed: int) -> list[str]:
    words = [f"--{option}={task.settings[name]}" for name, option in OPTIONS.items()]
    words += [f"--env-id={task.env}", f"--total-timesteps={task.steps}", f"--seed={seed}"]
    return [*words, "--no-cuda", "--save-model"]


def adapted(source: str) -> str:
    """The script for gymnasium 1.x."""
    for old, new in CHANGES.items():
        if source.count(old) != 1:
            raise ValueError(
                f"expected once in cleanrl/dqn.py, found {source.count(old)} times: {old!r}"
            )
        source = source.replace(old, new)
    return source


def greedy(weights: dict[str, torch.Tensor]) -> Callable[[Any], int]:
    """Act as the network that the script saved."""
    layers = [array.numpy() for array in weights.values()]

    def act(obs: Any) -> int:
        for weight, bias in zip(layers[0:4:2], layers[1:4:2], strict=True):
            obs = np.maximum(weight @ obs + bias, 0)
        return int(np.argmax(layers[4] @ obs + layers[5]))

    return act
