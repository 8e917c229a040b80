"""Prioritized replay where it has to pay: ``python -m bench.chain``.

A corridor with one reward at its end, after the Blind Cliffwalk of Schaul et al. (2016), section 3: one of the
two actions goes on, the other one ends the episode. Stable-Baselines3's DQN learns the values of a
replay that holds every transition of random play, as in the paper, by its own buffer and by
``PrioritizedDQN``; counted are the updates until it knows the way. Prints the interquartile mean
over the seeds with a bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DQN

from sharpwave.compat.sb3 import PrioritizedDQN, ReplayBuffer

CHAIN = 13
GAMMA = 1 - 1 / CHAIN
EVERY, LIMIT = 50, 20_000
NETWORK = {"net_arch": [32]}
SETTINGS = {
    "learning_rate": 1e-3, "gamma": GAMMA, "batch_size": 32, "target_update_interval": 1,
    "tau": 0.05, "learning_starts": 0, "buffer_size": 2 ** (CHAIN + 1), "device": "cpu",
    "policy_kwargs": NETWORK,
}  # fmt: skip


class Cliffwalk(gym.Env[NDArray[np.float32], int]):
    """The place as one number in CHAIN; which action goes on alternates from place to place."""

    observation_space = spaces.Box(0, 1, (CHAIN,))
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.place = 0
        return observation(0), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        goes_on = action == self.place % 2
        self.place += goes_on
        is_there = self.place == CHAIN
        return observation(self.place), float(is_there), is_there or not goes_on, False, {}


def observation(place: int) -> NDArray[np.float32]:
    return np.eye(CHAIN, dtype=np.float32)[place % CHAIN]


def filled(model: DQN) -> DQN:
    """As many of each transition as random play has: every sequence of actions once."""
    env = Cliffwalk()
    for number in range(2**CHAIN):
        obs, _ = env.reset()
        is_over = False
        while not is_over:
            action = number >> env.place & 1 ^ env.place & 1
            next_obs, reward, is_over, _, _ = env.step(action)
            assert model.replay_buffer is not None
            model.replay_buffer.add(
                obs[None], next_obs[None], np.array([[action]]), np.array([reward]),
                np.array([is_over]), [{}],
            )  # fmt: skip
            obs = next_obs
    return model


def is_solved(model: DQN) -> bool:
    """Whether the greedy policy walks to the end, and the start is worth half of what it should.

    The policy alone may be right by the luck of the first weights.
    """
    with torch.no_grad():
        q = model.q_net(torch.eye(CHAIN)).numpy()
    is_right = (q.argmax(axis=1) == np.arange(CHAIN) % 2).all()
    return bool(is_right and q[0].max() > 0.5 * GAMMA ** (CHAIN - 1))


def updates_needed(name: str, seed: int) -> int:
    """Updates of one run until it is solved, LIMIT where it is not."""
    options: dict[str, Any] = {**SETTINGS, "seed": seed}
    env = Cliffwalk()
    if name == "PrioritizedDQN":
        model: DQN = PrioritizedDQN("MlpPolicy", env, **options)
    else:
        model = DQN("MlpPolicy", env, replay_buffer_class=ReplayBuffer, **options)
    filled(model)
    model._setup_learn(LIMIT)
    for done in range(LIMIT):
        if done % EVERY == 0 and is_solved(model):
            return done
        model._current_progress_remaining = 1 - done / LIMIT
        model.train(1, SETTINGS["batch_size"])
        model._on_step()  # which moves the target network
    return LIMIT


def interquartile_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the last axis."""
    ordered = np.sort(values, axis=-1)
    cut = values.shape[-1] // 4
    return np.asarray(ordered[..., cut : values.shape[-1] - cut].mean(axis=-1))


def interval(values: NDArray[np.float64], draws: int = 10_000) -> tuple[float, float]:
    """The middle 95 % of the bootstrap's interquartile means."""
    again = np.random.default_rng(0).choice(values, (draws, len(values)))
    low, high = np.quantile(interquartile_mean(again), (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.chain", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, list[int]] = {"DQN": [], "PrioritizedDQN": []}
    for seed in range(chosen.seeds):
        for name, counts in results.items():
            counts.append(updates_needed(name, seed))
    print(
        f"| {CHAIN} places, updates until solved | interquartile mean | 95 % interval | least, most |"
    )
    print("|---|---|---|---|")
    for name, counts in results.items():
        values = np.array(counts, np.float64)
        low, high = interval(values)
        middle = float(interquartile_mean(values))
        print(f"| {name} | {middle:.0f} | {low:.0f} to {high:.0f} | {min(counts)}, {max(counts)} |")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
