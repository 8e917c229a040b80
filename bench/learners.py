"""One training run in a process of its own: ``python -m bench.learners NAME --steps N --seed S``; JSON out.

All three learn CartPole-v1 by CleanRL's ``dqn.py`` and its settings: one environment, one torch thread, no
evaluation on the way. The speed is what each reports of its own loop; the return is the mean of 100 greedy
episodes of the last network.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ENV, EPISODES = "CartPole-v1", 100
HIDDEN, BATCH, LEARNING_RATE, GAMMA = (120, 84), 128, 2.5e-4, 0.99
BUFFER, STARTS, TRAIN_EVERY, TARGET_EVERY = 10_000, 10_000, 10, 500
EPSILON_START, EPSILON_END, EXPLORATION = 1.0, 0.05, 0.5

# CleanRL is pinned to gymnasium 0.29. These are all the changes that 1.x needs: the autoreset mode that 0.29 had,
# the new names of what it puts into infos, and no evaluation at the end, which is done here for all three.
CLEANRL_CHANGES = {
    "for i in range(args.num_envs)]\n": "for i in range(args.num_envs)],\n"
    "        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,\n",
    'for info in infos["final_info"]:': "for info in [infos['final_info']]:",
    'infos["final_observation"]': 'infos["final_obs"]',
    "from cleanrl_utils.evals.dqn_eval import evaluate": "raise SystemExit(0)",
}

Outcome = dict[str, float]


def greedy_return(act: Callable[[Any], int], seed: int) -> float:
    """Mean return of greedy episodes, on starts that training did not see."""
    import gymnasium

    env, returns = gymnasium.make(ENV), []
    for episode in range(EPISODES):
        obs, _ = env.reset(seed=1_000_000 + 1000 * seed + episode)
        total, over = 0.0, False
        while not over:
            obs, reward, terminated, truncated, _ = env.step(act(obs))
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return float(np.mean(returns))


def sharpwave(steps: int, seed: int, folder: Path, _: Path | None) -> Outcome:
    settings: dict[str, Any] = {
        "hidden": "{},{}".format(*HIDDEN),
        "batch_size": BATCH,
        "learning_rate": LEARNING_RATE,
        "gamma": GAMMA,
        "buffer_size": BUFFER,
        "learning_starts": STARTS,
        "train_freq": TRAIN_EVERY,
        "target_update_interval": TARGET_EVERY,
        "epsilon_start": EPSILON_START,
        "epsilon_end": EPSILON_END,
        "exploration_fraction": EXPLORATION,
        "loss": "mse",
        "max_grad_norm": "none",
        "eval_interval": 0,
        "final_episodes": EPISODES,
        "stop_when_solved": "no",
    }
    words = [f"--set={name}={value}" for name, value in settings.items()]
    words += ["--steps", str(steps), "--seed", str(seed), "--out", str(folder)]
    subprocess.run(
        [sys.executable, "-m", "sharpwave.cli", "train", ENV, *words], check=True, stdout=sys.stderr
    )
    result = json.loads((folder / "result.json").read_text())
    return {"steps_per_second": result["steps_per_second"], "mean_return": result["mean_return"]}


def cleanrl(steps: int, seed: int, folder: Path, checkout: Path | None) -> Outcome:
    if checkout is None:
        raise SystemExit("cleanrl: say where a checkout is with --cleanrl")
    script = folder / "dqn.py"
    script.write_text(adapted((checkout / "cleanrl" / "dqn.py").read_text()))
    arguments = ["--total-timesteps", str(steps), "--seed", str(seed), "--no-cuda", "--save-model"]
    # the settings above are this script's defaults
    prelude = f"import sys, runpy, torch; torch.set_num_threads(1); sys.path.insert(0, {str(checkout)!r}); "
    prelude += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", prelude, str(script), *arguments]
    lines = subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    speed = float(re.findall(r"SPS: (\d+)", lines)[-1])
    return {"steps_per_second": speed, "mean_return": greedy_return(cleanrl_policy(folder), seed)}


def adapted(source: str) -> str:
    """CleanRL's script for gymnasium 1.x."""
    for old, new in CLEANRL_CHANGES.items():
        if source.count(old) != 1:
            raise ValueError(
                f"expected once in cleanrl/dqn.py, found {source.count(old)} times: {old!r}"
            )
        source = source.replace(old, new)
    return source


def cleanrl_policy(folder: Path) -> Callable[[Any], int]:
    """The network that the script saved, acting greedily."""
    import torch

    weights = torch.load(next(folder.glob("runs/*/*.cleanrl_model"))).values()
    layers = [array.numpy() for array in weights]

    def act(obs: Any) -> int:
        for weight, bias in zip(layers[0:4:2], layers[1:4:2], strict=True):
            obs = np.maximum(weight @ obs + bias, 0)
        return int(np.argmax(layers[4] @ obs + layers[5]))

    return act


def sb3(steps: int, seed: int, folder: Path, _: Path | None) -> Outcome:
    import torch
    from stable_baselines3 import DQN

    torch.set_num_threads(1)
    model = DQN(
        "MlpPolicy",
        ENV,
        learning_rate=LEARNING_RATE,
        buffer_size=BUFFER,
        learning_starts=STARTS,
        batch_size=BATCH,
        gamma=GAMMA,
        train_freq=TRAIN_EVERY,
        gradient_steps=1,
        target_update_interval=TARGET_EVERY,
        exploration_initial_eps=EPSILON_START,
        exploration_final_eps=EPSILON_END,
        exploration_fraction=EXPLORATION,
        policy_kwargs={"net_arch": list(HIDDEN)},
        seed=seed,
        device="cpu",
    )
    start = time.perf_counter()
    model.learn(steps)
    elapsed = time.perf_counter() - start
    mean_return = greedy_return(lambda obs: int(model.predict(obs, deterministic=True)[0]), seed)
    return {"steps_per_second": steps / elapsed, "mean_return": mean_return}


LEARNERS = {"sharpwave": sharpwave, "cleanrl": cleanrl, "sb3": sb3}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learners", description=__doc__)
    parser.add_argument("name", choices=list(LEARNERS))
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--cleanrl", type=Path, help="a checkout of github.com/vwxyzjn/cleanrl")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = LEARNERS[options.name](options.steps, options.seed, Path(folder), options.cleanrl)
    print(json.dumps(outcome))


if __name__ == "__main__":
    main()
