"""The benchmark of whole training runs: its clock, its settings, its table, and that warming up changes nothing."""

from __future__ import annotations

import argparse
import copy
import doctest
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench import learn
from bench.learners import cleanrl, clock, sharpwave
from bench.learners.__main__ import CONTENDERS
from bench.learners.run import Learned, Run, timed_run
from bench.learners.tasks import TASKS, Task
from sharpwave.training.algorithms import ALGORITHMS
from sharpwave.training.config import TrainConfig
from sharpwave.training.store import Seeds, make_storage

SHORT = {"learning_starts": 60, "batch_size": 16, "hidden": (8, 8), "buffer_size": 500}


def short(algo: str, env: str = "CartPole-v1") -> Task:
    return Task(env, algo, steps=150, episodes=2, contenders=("sharpwave",), settings=SHORT)


def a_run(task: Task, folder: Path) -> Run:
    return Run(task, 1, clock.Clock(task.starts, task.steps), folder)


def test_examples_of_the_table_are_true() -> None:
    assert doctest.testmod(learn).failed == 0


def test_the_clock_is_read_at_the_first_step_the_first_with_learning_and_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocked = clock.Clock(starts=4, steps=10)
    # a step takes 1 s of processor time up to the fourth, then 3 s; it waits as long again
    processor = {1: 0.0, 4: 3.0, 10: 21.0}
    monkeypatch.setattr(
        clock, "now", lambda: clock.Moment(2 * processor[clocked.step], processor[clocked.step])
    )
    env = clocked.timed(gym.make("CartPole-v1"))
    env.reset(seed=0)
    for _ in range(10):
        if env.step(env.action_space.sample())[2]:
            env.reset()
    assert clocked.speeds() == {
        "steps_per_second": 9 / 21,
        "learning_steps_per_second": 6 / 18,
        "wall_steps_per_second": 9 / 42,
        "learning_wall_steps_per_second": 6 / 36,
        "waited": 0.5,
    }


def test_a_run_without_learning_is_refused_and_one_that_ends_early_is_noticed() -> None:
    with pytest.raises(ValueError, match="more than the 100 before there is learning, got 100"):
        clock.Clock(starts=100, steps=100)
    clocked = clock.Clock(starts=1, steps=3)
    clocked.tick()
    with pytest.raises(RuntimeError, match="expected 3 steps, the run took 1"):
        clocked.speeds()


def test_a_run_of_ours_is_timed_and_judged(tmp_path: Path) -> None:
    run = a_run(short("dqn"), tmp_path)
    outcome = timed_run(sharpwave.learn, run)
    assert run.clock.step == 150
    assert outcome["steps_per_second"] > 0
    assert outcome["learning_steps_per_second"] > 0
    assert 8 <= outcome["mean_return"] <= 500
    assert "warm_up_seconds" not in outcome


def test_seconds_spent_on_compiling_are_told_apart(tmp_path: Path) -> None:
    def learned(run: Run) -> Learned:
        for _ in range(run.task.steps):
            run.clock.tick()
        return Learned(lambda _obs: 0, warm_up_seconds=12.0)

    outcome = timed_run(learned, a_run(short("dqn"), tmp_path))
    assert outcome["warm_up_seconds"] == 12.0
    assert outcome["steps_per_second"] > 1000


@pytest.mark.parametrize(
    ("algo", "env_id"),
    [
        ("dqn", "CartPole-v1"),
        ("rainbow", "CartPole-v1"),
        ("sac", "Pendulum-v1"),
        ("td3", "Pendulum-v1"),
    ],
)
def test_warming_up_leaves_the_agent_as_it_was(algo: str, env_id: str) -> None:
    env = gym.make(env_id)
    algorithm = ALGORITHMS[algo]
    warm, cold = (
        algorithm.agent(
            env.observation_space, env.action_space, algorithm.settings(**SHORT), seed=3
        )
        for _ in range(2)
    )
    assert sharpwave.warm_up(warm, env) > 0
    storage = make_storage(env, cold, TrainConfig(), Seeds(*range(6)), {})
    sharpwave.fill(storage.filled, env, 100)
    for _ in range(4):
        batch = cold.sample(storage.filled)
        assert torch.equal(warm.update(copy.copy(batch)).loss, cold.update(batch).loss)
    for name, value in cold.policy.state_dict().items():
        assert torch.equal(warm.policy.state_dict()[name], value)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_settings_that_its_algorithm_knows(name: str) -> None:
    task = TASKS[name]
    config = ALGORITHMS[task.algo].settings(**task.settings)
    assert 0 < config.learning_starts < task.steps
    assert set(task.contenders) <= set(CONTENDERS) == set(learn.LABELS)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if "sb3" in task.contenders])
def test_stable_baselines3_gets_the_same_settings_by_its_own_names(name: str) -> None:
    pytest.importorskip("stable_baselines3")
    from bench.learners import sb3

    task = TASKS[name]
    env = gym.make("Pendulum-v1" if "HalfCheetah" in task.env else task.env)
    settings = sb3.settings(task, env)
    assert set(settings) <= set(inspect.signature(sb3.KINDS[task.algo]).parameters)
    assert settings["policy_kwargs"] == {"net_arch": list(task.settings["hidden"])}
    if task.algo == "td3":
        assert settings["target_policy_noise"] == 0.2
        assert settings["action_noise"]._sigma == [0.1]


def test_tianshous_network_is_as_wide_as_ours() -> None:
    DummyVectorEnv = pytest.importorskip("tianshou").env.DummyVectorEnv  # noqa: N806
    from bench.learners import tianshou

    task, env = TASKS["cartpole-rainbow"], gym.make("CartPole-v1")
    theirs = tianshou.rainbow(task, DummyVectorEnv([lambda: env])).policy.model
    algorithm = ALGORITHMS[task.algo]
    settings = algorithm.settings(**task.settings)
    ours = algorithm.agent(env.observation_space, env.action_space, settings).online
    learned = [
        sorted(p.shape for p in net.parameters() if p.requires_grad) for net in (ours, theirs)
    ]
    assert learned[0] == learned[1]


def test_cleanrls_script_is_adapted_or_refused() -> None:
    changed = cleanrl.adapted("\n".join(cleanrl.CHANGES))
    assert 'infos["final_obs"]' in changed and "final_observation" not in changed
    assert "timed(gym.make(env_id))" in changed
    with pytest.raises(ValueError, match="found 0 times"):
        cleanrl.adapted("print('another script')")


def test_cleanrl_gets_the_same_settings_by_its_own_names(tmp_path: Path) -> None:
    words = cleanrl.arguments(TASKS["cartpole-dqn"], seed=7)
    assert {"--train-frequency=10", "--start-e=1.0", "--learning-starts=10000"} <= set(words)
    assert {"--env-id=CartPole-v1", "--total-timesteps=50000", "--seed=7"} <= set(words)
    with pytest.raises(ImportError, match="--cleanrl"):
        cleanrl.learn(a_run(short("dqn"), tmp_path))


def test_a_contender_that_cannot_run_is_skipped_from_then_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def one(_task: str, name: str, seed: int, _options: Any) -> dict[str, Any]:
        asked.append((name, seed))
        return {"missing": "not here"} if name == "cleanrl" else {"seed": seed}

    monkeypatch.setattr(learn, "one", one)
    result = learn.run("cartpole-dqn", argparse.Namespace(seeds=3, steps=None))
    assert result["skipped"] == {"cleanrl": "not here"}
    assert [outcome["seed"] for outcome in result["runs"]["sb3"]] == [1, 2, 3]
    assert [each for each in asked if each[0] == "cleanrl"] == [("cleanrl", 1)]


def outcomes(*speeds: float, learning: float = 0.5, **others: float) -> list[dict[str, float]]:
    return [
        {
            "steps_per_second": speed,
            "learning_steps_per_second": learning * speed,
            "mean_return": 400.0,
            "waited": 0.03,
            **others,
        }
        for speed in speeds
    ]


def line(text: str, start: str) -> list[str]:
    (found,) = [row for row in text.splitlines() if row.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_training_table_has_speeds_ratios_warm_up_and_return() -> None:
    result = {
        "steps": 50_000,
        "runs": {
            "sharpwave": outcomes(9000, 10000, 11000),
            "compiled": outcomes(18000, 20000, 22000, warm_up_seconds=9.0),
            "sb3": outcomes(2250, 2000, 2750, learning=0.25),
        },
        "skipped": {"cleanrl": "x"},
    }
    text = learn.table("cartpole-dqn", result)
    assert line(text, "cartpole-dqn, 50,000 steps")[3:5] == [
        "sharpwave is",
        "sharpwave --compile is",
    ]
    assert line(text, "sharpwave")[1:] == [
        "10,000 (9,000–11,000)", "5,000 (4,500–5,500)", "1.0× / 1.0×", "2.0× / 2.0×", "–", "400 ± 0",
    ]  # fmt: skip
    assert line(text, "sharpwave --compile")[5] == "9.0"
    # the rounds' ratios are 4, 5 and 4
    assert line(text, "Stable-Baselines3")[3:5] == ["4.0× / 8.0×", "8.0× / 16.0×"]
    assert "Skipped: CleanRL (x)." in text
    assert "waited for a processor for 3% of their time (median)" in text


def test_a_tasks_result_is_written_beside_those_of_others(tmp_path: Path) -> None:
    path = tmp_path / "results" / "learn.json"
    for task, steps in (("a", 1), ("b", 2), ("a", 3)):
        learn.write(path, task, {"steps": steps})
    assert json.loads(path.read_text()) == {"a": {"steps": 3}, "b": {"steps": 2}}
