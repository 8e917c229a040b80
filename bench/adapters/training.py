"""Whole training scripts with their peer's buffer and with ours: ``python -m bench.adapters.training``.

One run is one process with one thread, ours and theirs in turn with the same seed; the figure is the processor
time of the training without imports, a ratio the median of the pairs'. The scripts of CleanRL and Tianshou are
those of their checkouts (CLEANRL_CHECKOUT, TIANSHOU_CHECKOUT); CleanRL's needs gymnasium 0.29. TorchRL and cpprb
have no script of one file: theirs is ``bench/adapters/loop.py``, with cpprb's prioritized buffer.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.rounds import ONE_THREAD, ROOT

STEPS = 10_000


def sb3(is_ours: bool, seed: int) -> Callable[[], object]:
    import torch
    from stable_baselines3 import DQN

    torch.set_num_threads(1)
    name = "sharpwave.compat.sb3" if is_ours else "stable_baselines3.common.buffers"
    kind = importlib.import_module(name).ReplayBuffer
    model = DQN(
        "MlpPolicy", "CartPole-v1", replay_buffer_class=kind, buffer_size=50_000, seed=seed,
        learning_starts=500, train_freq=1, device="cpu",
    )  # fmt: skip
    return lambda: model.learn(STEPS)


def cleanrl(is_ours: bool, seed: int) -> Callable[[], object]:
    script = Path(os.environ["CLEANRL_CHECKOUT"]) / "cleanrl" / "dqn.py"
    text = script.read_text()
    if is_ours:
        text = text.replace("cleanrl_utils.buffers", "sharpwave.compat.cleanrl")
    sys.path.insert(0, os.environ["CLEANRL_CHECKOUT"])
    os.chdir(tempfile.mkdtemp())
    copy = Path(script.name)
    copy.write_text(text)
    sys.argv = [script.name, "--seed", str(seed), "--total-timesteps", str(STEPS)]
    sys.argv += ["--learning-starts", "500", "--train-frequency", "1"]
    return lambda: runpy.run_path(str(copy), run_name="__main__")


def tianshou(is_ours: bool, seed: int) -> Callable[[], object]:
    sys.path.insert(0, os.environ["TIANSHOU_CHECKOUT"])
    script = importlib.import_module("test.discrete.test_dqn")
    if is_ours:
        ours = importlib.import_module("sharpwave.compat.tianshou")
        script.VectorReplayBuffer = ours.VectorReplayBuffer
    os.chdir(tempfile.mkdtemp())
    sys.argv = ["test_dqn.py", "--seed", str(seed), "--epoch", "1", "--logdir", "."]
    sys.argv += ["--reward_threshold", "1000"]
    arguments = script.get_args()
    return lambda: script.test_dqn(arguments, enable_assertions=False)


def rllib(is_ours: bool, seed: int) -> Callable[[], object]:
    from ray.rllib.algorithms.dqn import DQNConfig

    config = DQNConfig().environment("CartPole-v1").debugging(seed=seed)
    config.env_runners(num_env_runners=0).learners(num_learners=0)
    kind = "PrioritizedEpisodeReplayBuffer"
    if is_ours:
        ours = importlib.import_module("sharpwave.compat.rllib")
        kind = f"sharpwave.compat.rllib.{kind}"
        config.training(learner_connector=lambda *spaces: ours.SampledColumns())
    config.training(
        replay_buffer_config={"type": kind, "capacity": 50_000, "alpha": 0.6, "beta": 0.4},
        num_steps_sampled_before_learning_starts=500,
    )
    algorithm = config.build_algo()
    return lambda: [algorithm.train() for _ in range(2)]


def torchrl(is_ours: bool, seed: int) -> Callable[[], object]:
    import torch
    from tensordict import TensorDict
    from torchrl import data as peer

    from bench.adapters.loop import train

    if is_ours:
        ours = importlib.import_module("sharpwave.compat.torchrl")
        buffer = ours.ReplayBuffer(storage=ours.SharpwaveStorage(50_000), batch_size=128)
    else:
        buffer = peer.ReplayBuffer(storage=peer.LazyTensorStorage(50_000), batch_size=128)
    names = ("obs", "action", "reward", "next_obs", "terminated")

    def add(*step: Any) -> None:
        values = (torch.as_tensor(value, dtype=torch.float32) for value in step)
        buffer.add(TensorDict(dict(zip(names, values, strict=True)), []))

    def sample() -> tuple[Any, ...]:
        batch = buffer.sample()
        return tuple(batch[name] for name in names)

    return lambda: train(add, sample, seed, STEPS)


def cpprb(is_ours: bool, seed: int) -> Callable[[], object]:
    import torch

    from bench.adapters.loop import train

    library = importlib.import_module("sharpwave.compat.cpprb" if is_ours else "cpprb")
    shape = {"shape": 4}
    fields = {"obs": shape, "act": {}, "rew": {}, "next_obs": shape, "done": {}}
    buffer = library.PrioritizedReplayBuffer(50_000, fields)
    names = tuple(fields)

    def sample() -> tuple[Any, ...]:
        batch = buffer.sample(128)
        buffer.update_priorities(batch["indexes"], abs(batch["rew"]) + batch["done"])
        return tuple(torch.from_numpy(batch[name]) for name in names)

    return lambda: train(
        lambda *step: buffer.add(**dict(zip(names, step, strict=True))), sample, seed, STEPS
    )


SCRIPTS = {
    "sb3": sb3, "cleanrl": cleanrl, "tianshou": tianshou, "torchrl": torchrl, "rllib": rllib,
    "cpprb": cpprb,
}  # fmt: skip


def seconds(peer: str, who: str, seed: int) -> float:
    """The processor time of a run in a process of its own."""
    command = [sys.executable, "-m", "bench.adapters.training", "--run", peer, who, str(seed)]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{peer}, {who}: {done.stderr[-2000:]}")
    return float(done.stdout.splitlines()[-1])


def run(peer: str, who: str, seed: int) -> None:
    train = SCRIPTS[peer](who == "sharpwave", seed)
    began = time.process_time()
    train()
    print(f"\n{time.process_time() - began}", flush=True)
    os._exit(0)  # Ray's threads take their time


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.adapters.training", description=__doc__)
    parser.add_argument("peers", nargs="*", default=SCRIPTS, help=", ".join(SCRIPTS))
    parser.add_argument("--run", nargs=3, metavar=("PEER", "WHO", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    chosen = parser.parse_args()
    if chosen.run:
        run(chosen.run[0], chosen.run[1], int(chosen.run[2]))
    results = {}
    print("| training script | sharpwave, s | peer, s | times as fast |\n|---|---|---|---|")
    for peer in chosen.peers:
        pairs = [
            {who: seconds(peer, who, seed) for who in ("sharpwave", "peer")[:: (-1) ** seed]}
            for seed in range(chosen.rounds)
        ]
        results[peer] = pairs
        ours, theirs = (statistics.median(p[who] for p in pairs) for who in ("sharpwave", "peer"))
        ratio = statistics.median(p["peer"] / p["sharpwave"] for p in pairs)
        print(f"| {peer} | {ours:.1f} | {theirs:.1f} | {ratio:.2f} |", flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
