"""One run of Stable-Baselines3's SAC or TD3 for the scoreboard: ``python -m bench.scores_sb3 ENV ALGO STEPS SEED DIR``.

The settings are those of our presets. The best network of the evaluations on the way is kept, and judged at
the end on fresh seeds, as ours is.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import stable_baselines3 as sb3
import torch
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.noise import NormalActionNoise

from bench.score_tasks import JUDGED

EVAL_EPISODES, STARTS, FRESH_SEEDS = 10, 10_000, 10_000_000


def main() -> None:
    env_id, algo, steps, seed, out = sys.argv[1:]
    torch.set_num_threads(1)
    folder, env = Path(out), gym.make(env_id)
    settings = {
        "learning_rate": 3e-4,
        "learning_starts": STARTS,
        "batch_size": 256,
        "device": "cpu",
    }
    settings |= {"train_freq": 1, "gradient_steps": 1, "policy_kwargs": {"net_arch": [256, 256]}}
    if algo == "td3":
        size = env.action_space.shape[0]
        settings["action_noise"] = NormalActionNoise(np.zeros(size), 0.1 * np.ones(size))
    kind = {"sac": sb3.SAC, "td3": sb3.TD3}[algo]
    model = kind("MlpPolicy", env, seed=int(seed), **settings)
    judge = EvalCallback(
        gym.make(env_id),
        n_eval_episodes=EVAL_EPISODES,
        eval_freq=JUDGED["eval_interval"],
        best_model_save_path=out,
        verbose=0,
        warn=False,
    )
    began = time.perf_counter()
    model.learn(int(steps), callback=judge)
    seconds = time.perf_counter() - began
    fresh = sb3.common.monitor.Monitor(gym.make(env_id))
    fresh.reset(seed=FRESH_SEEDS + int(seed))
    best, episodes = kind.load(folder / "best_model"), JUDGED["final_episodes"]
    returns, _ = evaluate_policy(best, fresh, episodes, return_episode_rewards=True)
    result = {
        "mean_return": float(np.mean(returns)),
        "std_return": float(np.std(returns)),
        "episodes": episodes,
        "steps": int(steps),
        "seconds": seconds,
        "ended": "steps",
    }
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
