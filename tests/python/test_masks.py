"""Masks of actions: what an observation forbids is never done, and never what a target builds on."""

from __future__ import annotations

import copy
import itertools
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

import sharpwave as sw
from sharpwave.agents import DQN, DQNConfig, masks
from sharpwave.training import TrainConfig, train

N = 4
FEATURES = spaces.Box(-1, 1, (3,), np.float32)
MASKED = spaces.Dict(observation=FEATURES, action_mask=spaces.MultiBinary(N))
SMALL = {"hidden": (8,), "batch_size": 8, "buffer_size": 500, "learning_starts": 50}
DISTRIBUTIONS = ("none", "c51", "qr", "iqn")


def agent_of(space: spaces.Dict = MASKED, start: int = 0, **settings) -> DQN:
    return DQN(space, spaces.Discrete(N, start=start), DQNConfig(**{**SMALL, **settings}))


def obs_of(mask: Any, rows: int | None = None) -> dict[str, Any]:
    """One observation, or ``rows`` of them, with a mask or a mask for each."""
    if rows is None:
        return {"observation": np.zeros(3, np.float32), "action_mask": np.array(mask, np.int8)}
    mask = np.broadcast_to(np.array(mask, np.int8), (rows, N))
    return {"observation": np.zeros((rows, 3), np.float32), "action_mask": mask}


def prefer(agent: DQN, order: list[float]) -> None:
    """Make the values of every observation these."""
    for network in (agent.online, agent.target):
        with torch.no_grad():
            network.advantage.layers[-1].weight.zero_()
            network.advantage.layers[-1].bias.copy_(torch.tensor(order))


def random_batch(size: int = 8, seed: int = 0) -> SimpleNamespace:
    """Every action taken was allowed; some next observations allow nothing and are terminal."""
    rng = np.random.default_rng(seed)
    mask, next_mask = (rng.random((2, size, N)) < 0.5).astype(np.int8)
    next_mask[0] = 0
    action = rng.integers(N, size=size)
    mask[np.arange(size), action] = 1
    features = rng.normal(size=(2, size, 3)).astype(np.float32)
    discount = np.where(next_mask.any(1), 0.9, 0.0).astype(np.float32)
    return SimpleNamespace(
        obs=tensors(features[0], mask),
        action=torch.from_numpy(action),
        reward=torch.from_numpy(rng.normal(size=size).astype(np.float32)),
        next_obs=tensors(features[1], next_mask),
        discount=torch.from_numpy(discount),
    )


def tensors(features: np.ndarray, mask: np.ndarray) -> dict[str, torch.Tensor]:
    return {"observation": torch.from_numpy(features), "action_mask": torch.from_numpy(mask)}


# --- acting


@pytest.mark.parametrize("mask", [[1, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 1], [1, 1, 1, 1]], ids=str)
@pytest.mark.parametrize("way", ["single", "vector"])
def test_random_actions_are_allowed_ones_and_all_alike(mask, way) -> None:
    agent, n = agent_of(), 10_000
    if way == "vector":
        actions = agent.act(obs_of(mask, n), epsilon=1.0)
    else:
        obs = obs_of(mask)
        actions = [agent.act(obs, epsilon=1.0) for _ in range(n)]
    counts = np.bincount(actions, minlength=N)
    share = n / sum(mask)
    assert counts[np.array(mask) == 0].sum() == 0
    assert np.all(np.abs(counts[np.array(mask) == 1] - share) <= 5 * np.sqrt(share))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("noisy", [False, True])
def test_what_is_forbidden_is_never_done_however_valuable(distribution, noisy) -> None:
    agent, rng = agent_of(distribution=distribution, noisy=noisy), np.random.default_rng(0)
    mask = (rng.random((1_000, N)) < 0.4).astype(np.int8)
    mask[~mask.any(1), 2] = 1
    obs = {"observation": rng.normal(size=(1_000, 3)).astype(np.float32), "action_mask": mask}
    steps = 1_000
    for step in (0, 100, 900):  # epsilon is 1, 0.525 and 0.05, or that of noisy layers
        assert mask[np.arange(1_000), agent.explore(obs, step, steps)].all()
        for i in range(200):
            single = {name: column[i] for name, column in obs.items()}
            assert mask[i, agent.explore(single, step, steps)]
            assert mask[i, agent.act(single)]
    assert mask[np.arange(1_000), agent.act(obs)].all()


def test_the_most_valuable_of_what_is_allowed_is_done() -> None:
    agent = agent_of()
    prefer(agent, [1.0, -5.0, 3.0, 2.0])
    for mask, best in (([1, 1, 1, 1], 2), ([1, 1, 0, 1], 3), ([1, 1, 0, 0], 0), ([0, 1, 0, 0], 1)):
        assert agent.act(obs_of(mask)) == best
        assert agent.act(obs_of(mask, 3)).tolist() == [best] * 3
    each = agent.act(obs_of([[1, 1, 1, 1], [1, 1, 0, 1], [0, 1, 0, 0]], 3))
    assert each.tolist() == [2, 3, 1]


def test_actions_are_counted_from_the_start_of_their_space() -> None:
    agent = agent_of(start=5)
    prefer(agent, [1.0, -5.0, 3.0, 2.0])
    assert agent.act(obs_of([1, 1, 0, 1])) == 8
    assert set(agent.act(obs_of([1, 1, 0, 0], 50), epsilon=1.0).tolist()) == {5, 6}


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32])
def test_masks_may_be_of_any_kind(dtype) -> None:
    obs = obs_of([0, 1, 0, 1], 50)
    obs["action_mask"] = obs["action_mask"].astype(dtype)
    assert set(agent_of().act(obs, epsilon=1.0).tolist()) == {1, 3}
    assert set(agent_of().act(obs).tolist()) <= {1, 3}


def test_where_nothing_is_allowed_an_action_is_still_given() -> None:
    agent = agent_of()
    for epsilon in (0.0, 1.0):
        assert agent.act(obs_of([0] * N), epsilon) in range(N)


# --- targets


class Table(torch.nn.Module):
    """Values of observation i in row i."""

    def __init__(self, *rows: list[float]) -> None:
        super().__init__()
        self.rows = torch.nn.Parameter(torch.tensor(rows))

    def forward(self, obs: torch.Tensor, _tau: None = None) -> torch.Tensor:
        return self.rows[obs[:, 0].long()]


def td_error(online: Table, target: Table, next_mask: list[int], discount=0.5, **settings) -> float:
    """By how much the target of action 0 in row 0, reward 1 and next row 1 exceeds its value 0."""
    agent = agent_of(**settings)
    agent.online, agent.target = online, target
    batch = SimpleNamespace(
        obs=tensors(np.zeros((1, 3), np.float32), np.ones((1, N), np.int8)),
        action=torch.tensor([0]),
        reward=torch.tensor([1.0]),
        next_obs=tensors(np.ones((1, 3), np.float32), np.array([next_mask], np.int8)),
        discount=torch.tensor([discount]),
    )
    return agent.losses(batch, None, None, None)[1].item()


@pytest.mark.parametrize(
    ("mask", "double", "expected"),
    [
        # online chooses 3, 2, 1, 0 in this order; the target's values there are 10, 7, 8, 9
        ([1, 1, 1, 1], True, 1 + 0.5 * 10),
        ([1, 1, 1, 0], True, 1 + 0.5 * 7),
        ([1, 1, 0, 0], True, 1 + 0.5 * 8),
        ([1, 0, 0, 0], True, 1 + 0.5 * 9),
        ([1, 1, 1, 1], False, 1 + 0.5 * 10),
        ([1, 1, 1, 0], False, 1 + 0.5 * 9),
        ([0, 1, 1, 0], False, 1 + 0.5 * 8),
        ([0, 0, 1, 0], False, 1 + 0.5 * 7),
    ],
)
def test_a_forbidden_next_action_is_neither_chosen_nor_valued(mask, double, expected) -> None:
    online = Table([0.0] * N, [-4.0, -3.0, -2.0, -1.0])
    target = Table([0.0] * N, [9.0, 8.0, 7.0, 10.0])
    assert td_error(online, target, mask, double=double) == expected


@pytest.mark.parametrize("double", [True, False])
def test_an_end_that_allows_nothing_gives_the_reward_alone(double) -> None:
    tables = Table([0.0] * N, [9.0, 8.0, 7.0, 10.0]), Table([0.0] * N, [9.0, 8.0, 7.0, 10.0])
    assert td_error(*tables, [0] * N, discount=0.0, double=double) == 1.0


def test_munchausens_policy_is_over_what_is_allowed() -> None:
    target = Table([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 50.0, 50.0])
    settings = {"munchausen": True, "munchausen_temperature": 0.5, "munchausen_alpha": 0.9}
    error = td_error(target, target, [1, 1, 0, 0], **settings)
    bonus = 0.9 * max(0.5 * np.log(1 / N), -1.0)
    soft = 0.5 * np.logaddexp(1.0 / 0.5, 2.0 / 0.5)  # temperature logsumexp(q / temperature)
    assert error == pytest.approx(1.0 + bonus + 0.5 * soft, rel=1e-6)


def test_munchausens_bonus_is_of_the_policy_over_what_was_allowed() -> None:
    agent, batch = agent_of(munchausen=True, munchausen_temperature=0.5), random_batch(1)
    agent.target = agent.online = Table([1.0, 1.0, 9.0, 9.0])
    batch.obs["observation"][:], batch.next_obs["observation"][:] = 0.0, 0.0
    batch.obs["action_mask"][:] = torch.tensor([1, 1, 0, 0])
    batch.action[:], batch.reward[:], batch.discount[:] = 0, 0.0, 0.0
    y = agent.targets(batch, batch.action, None, None)
    assert y.item() == pytest.approx(0.9 * 0.5 * np.log(0.5))


EVERY = [
    {"distribution": d, "munchausen": m, "double": b, "cql_alpha": c}
    for d, m, b, c in itertools.product(DISTRIBUTIONS, [False, True], [False, True], [0.0, 1.0])
]


@pytest.mark.parametrize("settings", EVERY, ids=lambda s: "-".join(map(str, s.values())))
def test_what_forbidden_actions_are_worth_changes_no_loss(settings) -> None:
    batch = random_batch()
    for mask in (batch.obs["action_mask"], batch.next_obs["action_mask"]):
        mask[:, 2] = 0
    batch.action[batch.action == 2] = 3
    batch.obs["action_mask"][torch.arange(8), batch.action] = 1
    agent = agent_of(**settings)
    fractions = agent._fractions(8)
    loss, error = agent.losses(batch, *fractions)
    assert torch.isfinite(loss) and torch.isfinite(error).all()
    outputs = agent.distribution.outputs
    for network in (agent.online, agent.target):
        with torch.no_grad():  # in c51 to the logits of the largest atoms alone
            network.advantage.layers[-1].bias.reshape(N, outputs)[2, -1] += 1e3
    after, after_error = agent.losses(batch, *fractions)
    assert (after - loss).abs() < 1e-6 * (1 + loss.abs())
    torch.testing.assert_close(after_error, error, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("munchausen", [False, True])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_updates_stay_finite_where_next_states_allow_nothing(distribution, munchausen) -> None:
    agent = agent_of(distribution=distribution, munchausen=munchausen, cql_alpha=0.5)
    for seed in range(10):
        update = agent.update(random_batch(seed=seed))
        agent.update_target()
        assert torch.isfinite(update.loss) and torch.isfinite(update.td_error).all()
    assert all(torch.isfinite(p).all() for p in agent.online.parameters())


def test_a_mask_that_allows_all_is_no_mask() -> None:
    # by torch, which takes the masked one too
    masked = agent_of()
    plain = DQN(FEATURES, spaces.Discrete(N), DQNConfig(**SMALL, backend="torch"))
    for seed in range(5):
        batch = random_batch(seed=seed)
        for obs in (batch.obs, batch.next_obs):
            obs["action_mask"][:] = 1
        bare = copy.copy(batch)
        bare.obs, bare.next_obs = batch.obs["observation"], batch.next_obs["observation"]
        assert masked.update(batch).loss.item() == plain.update(bare).loss.item()


# --- the buffer, and training


def mask_at(count: int) -> np.ndarray:
    """The mask of the observation that counts to ``count``: its bits, or all."""
    bits = np.array([count >> i & 1 for i in range(N)], np.int8)
    return bits if bits.any() else np.ones(N, np.int8)


class Counting(gymnasium.Env):
    """Counts steps across episodes of five, and refuses what its mask forbids."""

    def __init__(self) -> None:
        self.observation_space = spaces.Dict(
            observation=spaces.Box(0, 1e6, (1,), np.float32), action_mask=spaces.MultiBinary(N)
        )
        self.action_space = spaces.Discrete(N)
        self.count = self.asked = 0

    def _obs(self) -> dict[str, np.ndarray]:
        return {
            "observation": np.array([self.count], np.float32),
            "action_mask": mask_at(self.count),
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.count += 1
        return self._obs(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert mask_at(self.count)[action], f"{action} is forbidden at {self.count}"
        self.count += 1
        self.asked += 1
        return self._obs(), 1.0, self.asked % 10 == 0, self.asked % 10 == 5, {}


@pytest.mark.parametrize("num_envs", [1, 2])
@pytest.mark.parametrize("settings", [{}, {"noisy": True, "munchausen": True}], ids=str)
def test_a_run_never_does_what_is_forbidden(num_envs, settings) -> None:
    config = DQNConfig(**SMALL, n_step=3, **settings)
    run = TrainConfig(steps=300, num_envs=num_envs, eval_interval=0, final_episodes=2)
    assert train(Counting, config, run).updates > 100


def test_the_mask_of_a_window_is_that_of_its_last_next_observation() -> None:
    env = Counting()
    buffer = sw.ReplayBuffer.for_env(env, 200, n_step=3, gamma=0.5, seed=0)
    agent = DQN(env.observation_space, env.action_space, DQNConfig(**SMALL, double=False))
    obs = env.reset()[0]
    for _ in range(100):
        action = agent.act(obs, epsilon=1.0)
        next_obs, reward, terminated, truncated, _ = env.step(action)
        buffer.add(obs, action, reward, next_obs, terminated, truncated)
        obs = env.reset()[0] if terminated or truncated else next_obs
    batch = buffer.sample(500).torch()
    online = torch.nn.Parameter(torch.arange(2000.0).reshape(500, N).flip(1) % 17)
    agent.target = lambda obs, _: online.detach()[obs[:, 0].long()]
    y = agent.targets(batch, batch.action, None, None)
    for i in range(500):
        count = int(batch.next_obs["observation"][i])
        allowed = [q for q, m in zip(online[count].tolist(), mask_at(count), strict=True) if m]
        assert batch.next_obs["action_mask"][i].tolist() == mask_at(count).tolist()
        expected = batch.reward[i].item() + batch.discount[i].item() * max(allowed)
        assert y[i].item() == pytest.approx(expected)
    steps = batch.next_obs["observation"] - batch.obs["observation"]
    assert set(steps.flatten().tolist()) == {1.0, 2.0, 3.0}
    assert set(batch.discount.tolist()) == {0.0, 0.5, 0.25, 0.125}


# --- spaces


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (spaces.Dict(observation=FEATURES), r"a Dict of observation and action_mask, got Dict"),
        (spaces.Dict(a=FEATURES, action_mask=spaces.MultiBinary(N)), r"a Dict of observation and"),
        (
            spaces.Dict(observation=FEATURES, action_mask=spaces.MultiBinary(3)),
            r"action_mask: expected shape \(4,\), one an action, got \(3,\)",
        ),
        (
            spaces.Dict(observation=spaces.Dict(a=FEATURES), action_mask=spaces.MultiBinary(N)),
            r"expected Box or Discrete",
        ),
    ],
)
def test_other_dicts_are_refused(space, words) -> None:
    with pytest.raises(ValueError, match=words):
        agent_of(space)


def test_an_observation_beside_a_mask_may_be_discrete_or_an_image() -> None:
    for space in (spaces.Discrete(5), spaces.Box(0, 1, (10, 10, 4), bool)):
        agent = agent_of(spaces.Dict(observation=space, action_mask=spaces.MultiBinary(N)))
        space.seed(0)
        obs = [{"observation": space.sample(), "action_mask": mask_at(i)} for i in range(1, 9)]
        together = {k: np.stack([o[k] for o in obs]) for k in obs[0]}
        singles = [agent.act(o) for o in obs]
        assert agent.act(together).tolist() == singles
        assert all(mask_at(i)[action] for i, action in enumerate(singles, 1))


def test_the_value_of_what_is_forbidden_is_finite() -> None:
    values = masks.allow(torch.zeros(1, 3), torch.tensor([[1, 0, 1]]))
    assert values.tolist() == [[0.0, masks.FORBIDDEN, 0.0]]
    assert 0.0 * values[0, 1].item() == 0.0
    assert masks.allow(values, None) is values
