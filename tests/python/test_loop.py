"""Whole runs: that they learn, repeat, stop, and leave behind what they should."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys

import gymnasium
import numpy as np
import pytest
from counting_env import CountingEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from tiny_envs import Chain, Coin

pytest.importorskip("torch")
pytest.importorskip("tensorboard")

import torch

from sharpwave.agents import DQNConfig
from sharpwave.training import Result, TrainConfig, Trainer, load_agent, train

TINY = DQNConfig(hidden=(16,), batch_size=16, learning_starts=50, buffer_size=1000)
SHORT = {"steps": 300, "eval_interval": 100, "eval_episodes": 2, "final_episodes": 3}


def weights(result: Result) -> list[float]:
    return [x for p in result.agent.online.parameters() for x in p.detach().flatten().tolist()]


def short(env="CartPole-v1", agent=TINY, out=None, **settings) -> Result:
    return train(env, agent, TrainConfig(**{**SHORT, **settings}), out=out)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_a_small_chain_is_solved(num_envs) -> None:
    agent = DQNConfig(hidden=(32,), learning_rate=5e-3, learning_starts=100, gamma=0.9)
    run = TrainConfig(steps=1500, num_envs=num_envs, eval_interval=500, final_episodes=5)
    result = train(Chain, agent, run)
    assert (result.mean_return, result.std_return, result.episodes) == (1.0, 0.0, 5)
    # the values of going right from each place: 0.9 to the number of steps that remain
    values = result.agent.online(torch.arange(4)).max(1).values.tolist()
    assert values == pytest.approx([0.9**3, 0.9**2, 0.9, 1.0], abs=0.15)


@pytest.mark.parametrize("num_envs", [1, 2])
def test_one_seed_gives_the_same_weights_and_another_does_not(num_envs) -> None:
    first, again = short(num_envs=num_envs), short(num_envs=num_envs)
    assert weights(first) == weights(again)
    assert first.mean_return == again.mean_return
    assert weights(first) != weights(short(num_envs=num_envs, seed=1))


def test_the_seed_reaches_everything_that_is_random() -> None:
    def random_parts(seed: int) -> list[object]:
        envs: list[Coin] = []
        make = lambda: envs.append(Coin()) or envs[-1]  # noqa: E731
        trainer = Trainer(make, TINY, TrainConfig(**SHORT, seed=seed))
        agent = trainer.agent.state_dict()
        network = agent["online"]["advantage.layers.0.bias"].tolist()
        trainer.run()
        drawn = trainer.buffer.sample(50).index.tolist()
        return [network, agent["rng"], drawn, envs[0].seeds[0], *envs[1].seeds]

    first, again, other = random_parts(0), random_parts(0), random_parts(1)
    assert first == again
    assert all(a != b for a, b in zip(first, other, strict=True))


def test_what_is_watched_does_not_change_what_is_learned(tmp_path, capsys) -> None:
    plain = weights(short(eval_interval=0))
    run = TrainConfig(**{**SHORT, "eval_interval": 0, "log_interval": 7, "checkpoint_interval": 9})
    watched = train("CartPole-v1", TINY, run, out=tmp_path, progress=True)
    assert weights(watched) == plain
    assert "300/300" in capsys.readouterr().err


def test_global_generators_and_threads_are_left_as_they_were() -> None:
    threads, state, seen = torch.get_num_threads(), torch.get_rng_state(), set()

    class Watching(Coin):
        def step(self, action):
            seen.add(torch.get_num_threads())
            return super().step(action)

    before = np.random.get_state()[1].tolist()
    short(Watching, threads=threads + 1)
    assert (torch.get_num_threads(), seen) == (threads, {threads + 1})
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == before


def test_the_result_counts_what_happened() -> None:
    agent = DQNConfig(hidden=(4,), learning_starts=50, train_freq=10, gradient_steps=2)
    result = train(Chain, agent, TrainConfig(steps=200, eval_interval=0, final_episodes=4))
    assert (result.steps, result.updates, result.episodes) == (200, 2 * 16, 4)
    assert (result.ended, result.model_step) == ("steps", 200)
    assert result.steps_per_second == pytest.approx(result.steps / result.seconds)
    assert 10 <= result.training_episodes <= 50


@pytest.mark.parametrize(
    ("mode", "vector_steps"), [("NEXT_STEP", 8), ("SAME_STEP", 6), ("DISABLED", 6)]
)
def test_steps_are_transitions_and_reset_rows_are_none(mode, vector_steps) -> None:
    # two environments of episodes of two: in NEXT_STEP every third row of each is a reset
    envs = [lambda: CountingEnv(0, 2), lambda: CountingEnv(0, 2)]
    env = SyncVectorEnv(envs, autoreset_mode=AutoresetMode[mode])
    calls, step = [], env.step
    env.step = lambda action: calls.append(1) or step(action)
    trainer = Trainer(env, TINY, TrainConfig(steps=12, eval_interval=0, final_episodes=0))
    result = trainer.run()
    assert (result.steps, len(trainer.buffer), len(calls)) == (12, 12, vector_steps)


def test_epsilon_follows_the_steps_and_not_the_episodes() -> None:
    agent = DQNConfig(hidden=(4,), epsilon_end=0.1, exploration_fraction=0.5)
    trainer = Trainer(Coin, agent, TrainConfig(steps=100, eval_interval=0, final_episodes=0))
    at = trainer.agent.exploration
    seen = [round(at(step, 100)["epsilon"], 6) for step in (0, 25, 50, 100)]
    assert seen == [1.0, 0.55, 0.1, 0.1]


def test_a_run_of_one_step_is_a_run() -> None:
    result = short(steps=1)
    assert (result.steps, result.updates, result.episodes) == (1, 0, 3)


def test_the_best_network_is_kept_and_the_last_one_is_not() -> None:
    class Fading(Coin):
        """Pays less and less, whatever is done, so that the first evaluation is the best."""

        paid = 0.0

        def step(self, action):
            Fading.paid -= 1.0
            self.reward = Fading.paid
            return super().step(action)

    agent = dataclasses.replace(TINY, epsilon_end=1.0)
    result = short(Fading, agent)
    assert (result.model_step, result.steps) == (100, 300)
    Fading.paid = 0.0
    assert weights(short(Fading, agent, steps=100)) == weights(result)


def test_a_solved_environment_ends_the_run() -> None:
    gymnasium.register("SharpwaveCoin-v0", lambda: Coin(5.0), reward_threshold=5.0)
    try:
        result = short("SharpwaveCoin-v0")
        assert (result.ended, result.steps, result.mean_return) == ("solved", 100, 5.0)
        result = short("SharpwaveCoin-v0", stop_when_solved=False)
        assert (result.ended, result.steps) == ("steps", 300)
    finally:
        del gymnasium.registry["SharpwaveCoin-v0"]


def test_the_report_is_on_seeds_that_nothing_was_selected_by() -> None:
    envs: list[Coin] = []
    short(lambda: envs.append(Coin()) or envs[-1])
    seeds = envs[1].seeds
    assert seeds[:2] == seeds[2:4] == seeds[4:6]
    assert len(seeds) == 3 * 2 + 3
    assert not set(seeds[:2]) & set(seeds[6:])


# --- what is left behind


def test_the_folder_holds_config_model_result_and_events(tmp_path) -> None:
    result = short(out=tmp_path)
    names = sorted(path.name.split(".1")[0] for path in tmp_path.iterdir())
    files = ["checkpoint-000000300", "checkpoint.json", "config.json", "episodes.csv"]
    files += ["evaluations.csv", "events.out.tfevents", "model.pt", "result.json"]
    assert names == files
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == result.as_dict()
    assert {"mean_return", "episodes", "steps", "seconds", "steps_per_second"} <= written.keys()
    state = load_agent(tmp_path).online.state_dict()
    for name, value in result.agent.online.state_dict().items():
        assert torch.equal(state[name], value)


def test_tensorboard_has_returns_losses_epsilon_speed_and_evaluations(tmp_path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    short(out=tmp_path, log_interval=100)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    steps = {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    names = ("return", "length", "loss", "epsilon", "steps_per_second")
    tags = ["eval/return", *(f"train/{name}" for name in names)]
    assert steps == {tag: [100, 200, 300] for tag in tags}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_model_and_the_result(tmp_path, number) -> None:
    class Interrupting(Chain):
        taken = 0

        def step(self, action):
            Interrupting.taken += 1
            if Interrupting.taken == 150:
                os.kill(os.getpid(), number)
            return super().step(action)

    run = TrainConfig(**{**SHORT, "steps": 10**6, "eval_interval": 10**6})
    before = signal.getsignal(number)
    result = train(Interrupting, TINY, run, out=tmp_path, eval_env=Chain)
    assert signal.getsignal(number) == before
    assert (result.ended, result.steps, result.model_step) == ("interrupted", 150, 150)
    assert result.mean_return in (0.0, 1.0)
    assert json.loads((tmp_path / "result.json").read_text()) == result.as_dict()
    assert load_agent(tmp_path, Chain).act(0) == result.agent.act(0)


@pytest.mark.parametrize("log_interval", [100, 10**6])
def test_a_loss_that_is_not_finite_ends_the_run_with_its_cause(log_interval) -> None:
    agent = dataclasses.replace(TINY, loss="mse", max_grad_norm=None)
    with pytest.raises(FloatingPointError, match=r"the loss is (inf|nan)"):
        short(lambda: Coin(1e30), agent, log_interval=log_interval)


def test_a_reward_that_is_not_finite_ends_the_run_by_name_and_step() -> None:
    with pytest.raises(FloatingPointError, match=r"^Coin: reward is nan at step 1: "):
        short(lambda: Coin(float("nan")))


@pytest.mark.parametrize("num_envs", [1, 2])
def test_an_observation_of_a_reset_is_looked_at_too(num_envs) -> None:
    class Spoiled(Coin):
        def reset(self, **options):
            obs, info = super().reset(**options)
            return obs if len(self.seeds) < 20 else obs + np.float32("nan"), info

    with pytest.raises(FloatingPointError, match=r"^\w+: next_obs\[.*\] is nan at step \d+: "):
        short(Spoiled, num_envs=num_envs, eval_interval=0)


# --- what is refused, before anything runs


@pytest.mark.parametrize(
    ("env", "agent", "settings", "message"),
    [
        ("CartPole-v1", DQNConfig(buffer_size=2), {"num_envs": 3}, "buffer_size 2: "),
        (lambda: CountingEnv(as_dict=True), TINY, {}, "observation_space: expected Box"),
        ("Pendulum-v1", TINY, {}, "action_space: DQN needs Discrete"),
        (CountingEnv(), TINY, {}, "eval_env: expected an environment to evaluate in"),
        (SyncVectorEnv([CountingEnv] * 2), TINY, {"num_envs": 3}, "num_envs: expected 2"),
    ],
)
def test_what_cannot_run_is_refused_before_it_runs(env, agent, settings, message, tmp_path) -> None:
    with pytest.raises(ValueError, match=message):
        Trainer(env, agent, TrainConfig(**settings), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_buffer_larger_than_the_machine_is_refused() -> None:
    with pytest.raises(MemoryError, match="buffer_size 1000000000000000: "):
        Trainer("CartPole-v1", DQNConfig(buffer_size=10**15))


def test_an_environment_that_was_given_is_left_open_and_ours_are_closed() -> None:
    closed = []

    class Closing(Coin):
        def close(self) -> None:
            closed.append(self)

    given, judged_in = Closing(), Closing()
    train(given, TINY, TrainConfig(**SHORT), eval_env=judged_in)
    assert closed == []
    assert len(judged_in.seeds) == 3 * 2 + 3
    train(given, TINY, TrainConfig(**SHORT), eval_env=Closing)
    assert len(closed) == 1
    assert given not in closed
    train(Closing, TINY, TrainConfig(**SHORT))
    assert len(closed) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_chain_is_solved_on_an_accelerator_too() -> None:
    agent = DQNConfig(hidden=(32,), learning_rate=5e-3, learning_starts=100, device="cuda")
    run = TrainConfig(steps=1500, eval_interval=500, final_episodes=5)
    assert train(Chain, agent, run).mean_return == 1.0


def test_importing_sharpwave_loads_neither_torch_nor_gymnasium() -> None:
    import subprocess

    code = "import sys, sharpwave; sys.exit(bool({'torch', 'gymnasium'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
