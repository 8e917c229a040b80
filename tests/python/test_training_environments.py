"""Environments of other packages, trained in: Atari, MinAtar, EnvPool, and masks out of info."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("torch")

from sharpwave.agents import DQNConfig, SACConfig
from sharpwave.training import TrainConfig, Trainer, preset, train
from sharpwave.training.environments import frame_stack_of, make, make_training
from sharpwave.training.presets import FOLDER, load
from sharpwave.training.wrappers import MaskFromInfo

TINY = {"batch_size": 8, "learning_starts": 20, "buffer_size": 200}
RUN = {"eval_interval": 0, "final_episodes": 0}


def test_atari_is_stacked_clipped_and_ends_with_a_life_in_training_only() -> None:
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")
    training, judged = make("ALE/Breakout-v5", training=True), make("ALE/Breakout-v5")
    for env in (training, judged):
        assert env.observation_space == gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
        assert frame_stack_of(env) == 4

    def lengths(env) -> tuple[int, set[float]]:
        rewards, steps, over = set(), 0, False
        env.reset(seed=0)
        env.action_space.seed(0)
        while not over:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            rewards.add(float(reward))
            over, steps = terminated or truncated, steps + 1
        return steps, rewards

    life, clipped = lengths(training)
    game, _ = lengths(judged)
    assert life < game
    assert clipped <= {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("num_envs", [1, 2])
def test_atari_frames_are_stored_once(num_envs) -> None:
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")
    agent = DQNConfig(**TINY, hidden=(8,), train_freq=10)
    trainer = Trainer("ALE/Pong-v5", agent, TrainConfig(steps=60, num_envs=num_envs, **RUN))
    assert trainer.buffer.frame_stack == 4
    assert trainer.run().steps >= 60


def test_minatar_learns_from_images_of_ten_by_ten() -> None:
    pytest.importorskip("minatar")
    agent, run = preset("MinAtar/Breakout-v1", settings={**TINY, **RUN, "steps": 60})
    assert train("MinAtar/Breakout-v1", agent, run).updates == 11


def test_an_episode_of_minatar_is_a_function_of_its_seed_and_actions() -> None:
    pytest.importorskip("minatar")
    env = make("MinAtar/Breakout-v1")

    def frames(seed: int, actions: list[int]) -> list[np.ndarray]:
        env.reset(seed=seed)
        return [env.step(action)[0].copy() for action in actions]

    actions = np.random.default_rng(0).integers(3, size=12).tolist()
    for seed in range(20):
        first = frames(seed, actions[:8])
        frames(seed + 100, actions[::-1])
        np.testing.assert_array_equal(first, frames(seed, actions[:8]))


def test_several_environments_are_reset_by_who_steps_them() -> None:
    env = make_training("CartPole-v1", 3)
    assert env.metadata["autoreset_mode"] == gym.vector.AutoresetMode.DISABLED


def test_a_mask_in_info_comes_into_sight_and_is_heeded() -> None:
    taken: list[bool] = []

    class Watched(gym.Wrapper):
        def reset(self, **options):
            obs, info = self.env.reset(**options)
            self.allowed = info["action_mask"]
            return obs, info

        def step(self, action):
            taken.append(bool(self.allowed[action]))
            *rest, info = self.env.step(action)
            self.allowed = info["action_mask"]
            return *rest, info

    agent = DQNConfig(**TINY, hidden=(8,), munchausen=True)
    train(lambda: MaskFromInfo(Watched(gym.make("Taxi-v4"))), agent, TrainConfig(steps=150, **RUN))
    assert len(taken) == 150
    assert all(taken)


def test_an_environment_without_a_mask_says_so() -> None:
    with pytest.raises(ValueError, match=r"^action_mask: expected in info of"):
        MaskFromInfo(gym.make("CartPole-v1")).reset()


@pytest.mark.filterwarnings("ignore::UserWarning")  # of a Box's precision, in EnvPool's own spaces
@pytest.mark.parametrize(
    ("task", "agent"), [("CartPole-v1", DQNConfig), ("Pendulum-v1", SACConfig)]
)
def test_envpool_is_trained_in(task, agent) -> None:
    envpool = pytest.importorskip("envpool")
    from sharpwave.training.envpool import EnvPool

    pool = envpool.make(task, "gymnasium", num_envs=4, seed=0)
    run = TrainConfig(steps=900, eval_interval=0, final_episodes=1)
    trainer = Trainer(EnvPool(pool), agent(**TINY, hidden=(8,)), run, eval_env=task)
    assert trainer.buffer.autoreset == "next_step"
    result = trainer.run()
    assert result.steps >= 900
    assert result.training_episodes >= 4
    # a reset row would lead from an end to a start: no such pair is among the transitions
    batch = trainer.buffer.sample(2000)
    assert np.abs(batch.next_obs - batch.obs)[:, 0].max() < (0.5 if task == "CartPole-v1" else 2.1)


def test_an_asynchronous_pool_is_refused() -> None:
    envpool = pytest.importorskip("envpool")
    from sharpwave.training.envpool import EnvPool

    pool = envpool.make("CartPole-v1", "gymnasium", num_envs=4, batch_size=2, seed=0)
    with pytest.raises(ValueError, match=r"^envpool: .*got batch_size=2"):
        EnvPool(pool)


def test_every_preset_can_be_read() -> None:
    names = {path.stem: f"{path.stem}-v0" for path in FOLDER.glob("*.toml")}
    names |= {"MinAtar": "MinAtar/Freeway-v1", "ALE": "ALE/Pong-v5"}
    assert len(names) >= 17
    for env in names.values():
        assert load(env), env
        for algo in load(env):
            agent, run = preset(env, algo)
            assert run.steps >= 10_000
            assert agent.gamma > 0.8


def test_a_preset_is_changed_by_settings_and_by_the_algorithm() -> None:
    agent, run = preset("Pendulum-v1", "td3", {"steps": 7, "tau": 0.5})
    assert (type(agent).__name__, run.steps, agent.tau, agent.hidden) == (
        "TD3Config",
        7,
        0.5,
        (64, 64),
    )
    assert type(preset("MountainCarContinuous-v0")[0]).__name__ == "SACConfig"
    assert type(preset("Blackjack-v1", "q-learning")[0]).__name__ == "QLearningConfig"
