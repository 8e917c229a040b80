"""What holds of DDPG, TD3 and SAC alike: their actions, seeds, copies, and that they learn."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch
from plain_actor_critic import (
    FEATURES,
    ODD,
    SMALL,
    after_the_bandit,
    random_batch,
    same,
    weights_of,
)

import sharpwave as sw
from sharpwave.agents import DDPG, SAC, TD3, DDPGConfig, SACConfig, TD3Config
from sharpwave.training.collect import collector

AGENTS = {"ddpg": (DDPG, DDPGConfig), "td3": (TD3, TD3Config), "sac": (SAC, SACConfig)}
SPACES = {
    "odd": ODD,
    "matrix": spaces.Box(-0.3, 0.7, (2, 3), np.float32),
    "number": spaces.Box(-1, 3, (), np.float32),
    "double": spaces.Box(-0.1, 0.7, (2,), np.float64),
    "half": spaces.Box(-0.1, 0.7, (2,), np.float16),
    "one place": spaces.Box(np.array([-1, 2], "f4"), np.array([1, 2], "f4")),
    "all floats": spaces.Box(*(np.finfo(np.float32).max * np.array([-1, 1])), (2,), np.float32),
}
every_agent = pytest.mark.parametrize("algo", AGENTS)


def agent_of(algo: str, space: spaces.Box = ODD, seed: int = 0, obs=FEATURES, **settings) -> Any:
    kind, config = AGENTS[algo]
    return kind(obs, space, config(**{**SMALL, **settings}), seed=seed)


def observations(count: int, space: spaces.Space = FEATURES) -> np.ndarray:
    space.seed(0)
    return np.stack([space.sample() for _ in range(count)])


# --- actions


@every_agent
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_actions_are_within_their_bounds_exactly(algo, space) -> None:
    agent = agent_of(algo, space, learning_starts=10)
    with torch.no_grad():
        agent.actor.head.layers[-1].weight.mul_(1e3)  # to saturate
    batch = observations(200)
    for actions in (agent.act(batch), agent.explore(batch, 0, 99), agent.explore(batch, 10, 99)):
        assert (actions.shape, actions.dtype) == ((200, *space.shape), space.dtype)
        assert np.all((actions >= space.low) & (actions <= space.high))
    for obs in batch[:20]:
        for action in (agent.act(obs), agent.explore(obs, 0, 99), agent.explore(obs, 10, 99)):
            assert (action.shape, action.dtype) == (space.shape, space.dtype)
            assert space.contains(np.asarray(action))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_stored_actions_are_those_of_the_networks_again(space) -> None:
    scale = agent_of("td3", space).scale
    unit = np.random.default_rng(0).uniform(-1, 1, (50, scale.size)).astype(np.float32)
    unit = np.where(space.low.reshape(-1) == space.high.reshape(-1), 0, unit)
    back = scale.to_unit(torch.as_tensor(scale.to_env(unit)))
    assert (back.shape, back.dtype) == (unit.shape, torch.float32)
    np.testing.assert_allclose(back, unit, rtol=0, atol=2e-3 if space.dtype == np.float16 else 1e-6)


def test_the_bounds_are_the_networks_minus_one_and_one() -> None:
    scale = agent_of("td3").scale
    corners = torch.tensor([[-2.0, 0.0], [3.0, 1.0], [0.5, 0.5]])
    assert scale.to_unit(corners).tolist() == [[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]
    assert scale.to_env(np.array([[-1.0, 1.0], [0.0, 0.5]])).tolist() == [[-2.0, 1.0], [0.5, 0.75]]


@every_agent
def test_an_update_with_nothing_to_choose_in_a_dimension_stays_finite(algo) -> None:
    space = SPACES["one place"]
    agent = agent_of(algo, space)
    for i in range(2):
        assert torch.isfinite(agent.update(random_batch(seed=i, space=space)).loss)
    assert all(torch.isfinite(p).all() for p in agent.actor.parameters())


@every_agent
@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-np.inf, np.inf, (2,), np.float32),
        spaces.Box(np.array([0, -np.inf], "f4"), np.array([1, 1], "f4")),
        spaces.Box(0, 255, (2,), np.uint8),
        spaces.Discrete(3),
        spaces.MultiBinary(3),
    ],
    ids=str,
)
def test_actions_other_than_bounded_floats_are_refused(algo, space) -> None:
    words = rf"action_space: {algo.upper()} needs a Box of floats with finite bounds, got "
    with pytest.raises(ValueError, match=words) as caught:
        agent_of(algo, space)
    assert str(space) in str(caught.value)


@every_agent
def test_observations_in_parts_are_refused_with_what_to_do(algo) -> None:
    with pytest.raises(ValueError, match=r"observation_space: .*FlattenObservation"):
        agent_of(algo, obs=spaces.Dict(a=FEATURES))


@every_agent
@pytest.mark.parametrize(
    "space",
    [
        FEATURES,
        spaces.Box(-1, 1, (2, 2), np.float64),
        spaces.Discrete(7, start=2),
        spaces.Box(0, 255, (10, 10, 4), np.uint8),
    ],
    ids=["features", "matrix", "discrete", "image"],
)
def test_one_observation_and_a_batch_of_them_lead_to_the_same_actions(algo, space) -> None:
    agent, batch = agent_of(algo, obs=space), observations(20, space)
    together = agent.act(batch)
    assert together.std(0).min() > 0
    np.testing.assert_allclose([agent.act(obs) for obs in batch], together, rtol=0, atol=1e-6)


@every_agent
def test_observations_may_be_read_only(algo) -> None:
    obs = np.broadcast_to(np.float32(0.5), (4, 3))
    agent = agent_of(algo)
    assert agent.act(obs).shape == agent.explore(obs, 10**6, 10**6).shape == (4, 2)


@every_agent
def test_acting_leaves_the_observation_and_the_generators_as_they_were(algo) -> None:
    agent, obs = agent_of(algo, hidden=()), np.ones(3, np.float32)
    before = copy.deepcopy(agent.state_dict())
    agent.act(obs)
    agent.act(np.stack([obs, obs]))
    assert obs.tolist() == [1.0, 1.0, 1.0]
    assert agent.state_dict()["rng"] == before["rng"]
    assert torch.equal(agent.state_dict()["generator"], before["generator"])


@every_agent
def test_actions_before_learning_starts_are_uniform_and_need_no_network(algo) -> None:
    agent = agent_of(algo, learning_starts=100)
    agent._acting._actor = agent._acting._head = None
    obs = np.zeros((10_000, 3), np.float32)
    for actions in (
        agent.explore(obs, 99, 1000),
        np.stack([agent.explore(obs[0], 0, 1000) for _ in range(10_000)]),
    ):
        unit = (actions - ODD.low) / (ODD.high - ODD.low)
        for column in unit.T:
            counts, _ = np.histogram(column, 10, (0, 1))
            # 10,000 draws, each tenth with chance 0.1: mean 1000, deviation 30
            assert np.all(np.abs(counts - 1000) < 5 * 30)
        # for 10,000 pairs without correlation its deviation is 0.01
        assert abs(np.corrcoef(unit.T)[0, 1]) < 5 * 0.01


class Listening(gymnasium.Env):
    """Notes the actions it gets; an episode lasts four steps."""

    def __init__(self) -> None:
        self.observation_space, self.action_space = FEATURES, ODD
        self.heard: list[np.ndarray] = []
        self.t = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(3, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.heard.append(action.copy())
        self.t += 1
        return np.full(3, self.t / 4, np.float32), 0.0, self.t == 4, False, {}


@every_agent
@pytest.mark.parametrize("num_envs", [1, 2])
def test_what_is_stored_is_what_the_environment_got(algo, num_envs) -> None:
    envs = [Listening() for _ in range(num_envs)]
    disabled = gymnasium.vector.AutoresetMode.DISABLED
    env = envs[0] if num_envs == 1 else None
    env = env or gymnasium.vector.SyncVectorEnv(
        [lambda e=e: e for e in envs], autoreset_mode=disabled
    )
    agent, buffer = agent_of(algo, learning_starts=20), sw.ReplayBuffer.for_env(env, 1000, seed=0)
    collecting = collector(env, agent, buffer, seed=0, steps=100)
    for step in range(40):  # half of them at random, half by the network
        collecting.step(step)
    stored = buffer["action"].reshape(-1, 2)
    heard = np.stack([e.heard for e in envs], 1 if num_envs > 1 else 0).reshape(-1, 2)
    rows = lambda array: sorted(map(bytes, np.ascontiguousarray(array)))  # noqa: E731
    assert rows(stored[: len(heard)]) == rows(heard)


# --- seeds, copies, states


@every_agent
def test_one_seed_gives_one_agent_and_torch_is_left_as_it_was(algo) -> None:
    before = torch.get_rng_state()
    a, b, c = agent_of(algo, seed=1), agent_of(algo, seed=1), agent_of(algo, seed=2)
    for agent in (a, b, c):
        agent.update(random_batch())
        agent.update(random_batch())
    assert torch.equal(torch.get_rng_state(), before)
    obs = np.zeros((5, 3), np.float32)
    for step in (0, 10_000):
        first, second, third = (agent.explore(obs, step, 9) for agent in (a, b, c))
        assert np.array_equal(first, second)
        assert not np.array_equal(first, third)
    assert same(everything(a), everything(b))
    assert not torch.equal(*(agent.generator.get_state() for agent in (a, c)))


def everything(agent: Any) -> list[torch.Tensor]:
    modules = (part for part in agent.parts().values() if isinstance(part, torch.nn.Module))
    return [weight for module in modules for weight in weights_of(module)]


def go_on(agent: Any) -> list[torch.Tensor]:
    """All that the agent is after a few more updates, and what it does."""
    for seed in (7, 8, 9):
        agent.update(random_batch(seed=seed))
    obs = observations(5)
    acts = [agent.explore(obs, 0, 9), agent.explore(obs, 10_000, 9), agent.act(obs[0])]
    return everything(agent) + [torch.as_tensor(a) for a in acts]


def through_pickle(agent: Any, _other: Any) -> Any:
    return pickle.loads(pickle.dumps(agent))


def through_a_file(agent: Any, other: Any) -> Any:
    stream = io.BytesIO()
    torch.save(agent.state_dict(), stream)
    stream.seek(0)
    other.load_state_dict(torch.load(stream, weights_only=True))
    return other


def through_a_state(agent: Any, other: Any) -> Any:
    other.load_state_dict(agent.state_dict())
    return other


@every_agent
@pytest.mark.parametrize(
    "copied", [lambda a, _: copy.deepcopy(a), through_pickle, through_a_file, through_a_state]
)
def test_a_copy_goes_on_exactly_and_on_its_own(algo, copied) -> None:
    settings = {"policy_delay": 2}
    agent, other = agent_of(algo, **settings), agent_of(algo, seed=5, **settings)
    for i in range(3):  # an odd number: the count of the delay is a part of the state
        agent.update(random_batch(seed=i))
    agent.explore(np.zeros(3, np.float32), 0, 9)
    clone = copied(agent, other)
    first = go_on(agent)  # and does not disturb the clone
    assert same(go_on(clone), first)


@every_agent
def test_the_actors_weights_are_what_is_kept(algo) -> None:
    agent, other = agent_of(algo), agent_of(algo, seed=5)
    for i in range(4):
        agent.update(random_batch(seed=i))
    other.load_weights(agent.weights())
    obs = observations(5)
    assert np.array_equal(other.act(obs), agent.act(obs))
    assert np.array_equal(other.act(obs[0]), agent.act(obs[0]))


@every_agent
def test_single_actions_follow_what_is_learned_and_loaded(algo) -> None:
    agent, obs = agent_of(algo), observations(1)[0]
    before = agent.act(obs)
    for i in range(4):
        agent.update(random_batch(seed=i))
    after = agent.act(obs)
    assert not np.array_equal(before, after)
    np.testing.assert_allclose(after, agent.act(obs[np.newaxis])[0], rtol=0, atol=1e-6)


# --- learning


@every_agent
@pytest.mark.parametrize("best", [-1.0, 1.3])
def test_it_finds_the_best_action_of_a_bandit(algo, best) -> None:
    rates = {"learning_rate": 2e-2, "actor_learning_rate": 1e-3}
    agent = agent_of(algo, spaces.Box(-2, 2, (1,), np.float32), **rates, hidden=(32, 32))
    assert after_the_bandit(agent, best) == pytest.approx(best, abs=0.4)
