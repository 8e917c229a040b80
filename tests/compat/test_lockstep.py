"""Our agents beside Stable-Baselines3's: the same weights, the same batches, the same weights after."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")

import stable_baselines3 as sb3  # noqa: E402
from gymnasium import spaces  # noqa: E402
from stable_baselines3.common.buffers import ReplayBufferSamples  # noqa: E402
from stable_baselines3.common.logger import configure  # noqa: E402
from stable_baselines3.common.utils import polyak_update  # noqa: E402

from sharpwave.agents import DQN, SAC, TD3, DQNConfig, SACConfig, TD3Config  # noqa: E402

GAMMA, BATCH, HIDDEN = 0.97, 32, (32, 16)


class Still(gymnasium.Env):
    """Has spaces, and nothing happens in it."""

    def __init__(self, action_space: spaces.Space) -> None:
        self.observation_space = spaces.Box(-5, 5, (4,), np.float32)
        self.action_space = action_space

    def reset(self, **_options: Any) -> tuple[Any, dict[str, Any]]:
        return np.zeros(4, np.float32), {}


DISCRETE = Still(spaces.Discrete(3))
CONTINUOUS = Still(spaces.Box(-1, 1, (2,), np.float32))  # theirs are scaled when they are stored


class Batches:
    """A buffer of Stable-Baselines3's to sample from, which keeps what it gave."""

    def __init__(self, action_space: spaces.Space) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.actions = getattr(action_space, "n", None)
        self.last: SimpleNamespace

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        # Their `done` leaves truncation out. Rewards are large enough for both sides of Huber's loss.
        options = {"generator": self.generator}
        obs, next_obs = torch.randn(2, batch_size, 4, **options)
        reward = 3 * torch.randn(batch_size, **options) + obs[:, 0]
        done = (torch.rand(batch_size, **options) < 0.1).float()
        if self.actions is None:
            action = torch.rand(batch_size, 2, **options) * 2 - 1
        else:
            action = torch.randint(self.actions, (batch_size,), **options)
        self.last = SimpleNamespace(
            obs=obs, action=action, reward=reward, next_obs=next_obs, discount=GAMMA * (1 - done)
        )
        column = action if self.actions is None else action.unsqueeze(1)
        return ReplayBufferSamples(obs, column, next_obs, done.unsqueeze(1), reward.unsqueeze(1))


def theirs_of(kind: Any, env: Still, arch: Any, **settings: Any) -> Any:
    model = kind(
        "MlpPolicy",
        env,
        gamma=GAMMA,
        batch_size=BATCH,
        buffer_size=10,
        seed=0,
        device="cpu",
        policy_kwargs={"net_arch": arch},
        **settings,
    )
    model.set_logger(configure(None, []))
    model.replay_buffer = Batches(env.action_space)
    return model


def linears(module: Any) -> list[Any]:
    return [m for m in module.modules() if isinstance(m, torch.nn.Linear)]


def weights(layers: list[Any]) -> Iterator[Any]:
    return (p for layer in layers for p in (layer.weight, layer.bias))


def copy_into(ours: Any, theirs: Any) -> None:
    """Copy linear layers, one after another."""
    pairs = zip(weights(linears(ours)), weights(linears(theirs)), strict=True)
    with torch.no_grad():
        for own, other in pairs:
            own.copy_(other)


def critics_into(ours: Any, theirs: Any) -> None:
    """Copy their critics, a module each, into our ensemble."""
    with torch.no_grad():
        for k, network in enumerate(theirs.q_networks):
            for layer, other in zip(ours.layers, linears(network), strict=True):
                layer.weight[k].copy_(other.weight.T)
                layer.bias[k, 0].copy_(other.bias)


def assert_same(ours: Any, theirs: Any) -> None:
    for own, other in zip(weights(linears(ours)), weights(linears(theirs)), strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-5)


def assert_same_critics(ours: Any, theirs: Any) -> None:
    for k, network in enumerate(theirs.q_networks):
        for layer, other in zip(ours.layers, linears(network), strict=True):
            torch.testing.assert_close(layer.weight[k].T, other.weight, rtol=0, atol=1e-5)
            torch.testing.assert_close(layer.bias[k, 0], other.bias, rtol=0, atol=1e-5)


def moved(layers: list[Any], before: list[Any]) -> float:
    """How far the farthest weight went: the agreement is not that of two that stand still."""
    pairs = zip(weights(layers), before, strict=True)
    return max((w - b).abs().max().item() for w, b in pairs)


# Their own bound on gradients, and one that is often in force: then both round in ways of their own,
# and after some hundred updates more a ReLU here is off and there on.
@pytest.mark.parametrize(("max_grad_norm", "updates"), [(10.0, 1000), (0.5, 300)])
def test_dqn_update_by_update(max_grad_norm, updates) -> None:
    settings = {"learning_rate": 1e-3, "max_grad_norm": max_grad_norm}
    theirs = theirs_of(sb3.DQN, DISCRETE, list(HIDDEN), **settings)
    config = DQNConfig(
        hidden=HIDDEN,
        **settings,
        double=False,
        loss="huber",
        adam_eps=theirs.policy.optimizer.defaults["eps"],
        tau=1.0,
    )
    ours = DQN(DISCRETE.observation_space, DISCRETE.action_space, config)
    for own, other in ((ours.online, theirs.q_net), (ours.target, theirs.q_net_target)):
        copy_into(own, other)
    before = [w.detach().clone() for w in weights(linears(theirs.q_net))]
    for i in range(1, updates + 1):
        theirs.train(1, BATCH)
        ours.update(theirs.replay_buffer.last)
        if i % 100 == 0:
            polyak_update(theirs.q_net.parameters(), theirs.q_net_target.parameters(), theirs.tau)
            ours.update_target()
    assert_same(ours.online, theirs.q_net)
    assert_same(ours.target, theirs.q_net_target)
    assert moved(linears(theirs.q_net), before) > 0.1
    obs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert ours.act(obs).tolist() == theirs.predict(obs, deterministic=True)[0].tolist()


@pytest.mark.parametrize("backend", ["torch", "native"])
def test_td3_for_two_hundred_updates(backend) -> None:
    config = TD3Config(hidden=HIDDEN, learning_rate=1e-3, backend=backend)
    theirs = theirs_of(sb3.TD3, CONTINUOUS, list(HIDDEN), learning_rate=1e-3, tau=config.tau)
    ours = TD3(CONTINUOUS.observation_space, CONTINUOUS.action_space, config)
    for own, other in ((ours.actor, theirs.actor), (ours.actor_target, theirs.actor_target)):
        copy_into(own, other)
    critics_into(ours.critics, theirs.critic)
    critics_into(ours.critics_target, theirs.critic_target)
    before = [w.detach().clone() for w in weights(linears(theirs.actor))]
    for _ in range(200):
        ours.generator.set_state(torch.get_rng_state())  # theirs draws noise from torch's own
        theirs.train(1, BATCH)
        ours.update(theirs.replay_buffer.last)
    assert_same(ours.actor, theirs.actor)
    assert_same(ours.actor_target, theirs.actor_target)
    assert_same_critics(ours.critics, theirs.critic)
    assert_same_critics(ours.critics_target, theirs.critic_target)
    assert moved(linears(theirs.actor), before) > 0.01
    obs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(ours.act(obs), theirs.predict(obs, deterministic=True)[0], atol=1e-5)


class Noise:
    """Gives to both what each asks for in an order of its own: theirs the actor's noise first."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(1)
        self.theirs: list[Any] = []
        self.ours: list[Any] = []

    def draw(self) -> None:
        of_obs, of_next_obs = torch.randn(2, BATCH, 2, generator=self.generator)
        self.theirs += [of_obs, of_next_obs]
        self.ours += [of_next_obs, of_obs]


def sac_actor_into(ours: Any, theirs: Any) -> None:
    """Copy their actor, whose last layer is one for the mean and one for the deviation."""
    *hidden, last = ours.head.layers
    with torch.no_grad():
        pairs = zip(weights(hidden), weights(linears(theirs.latent_pi)), strict=True)
        for own, other in pairs:
            own.copy_(other)
        last.weight.copy_(torch.cat([theirs.mu.weight, theirs.log_std.weight]))
        last.bias.copy_(torch.cat([theirs.mu.bias, theirs.log_std.bias]))


@pytest.mark.parametrize("backend", ["torch", "native"])
def test_sac_for_two_hundred_updates(monkeypatch, backend) -> None:
    config = SACConfig(hidden=HIDDEN, learning_rate=1e-3, backend=backend)
    theirs = theirs_of(sb3.SAC, CONTINUOUS, list(HIDDEN), learning_rate=1e-3, tau=config.tau)
    ours, noise = sac_beside(theirs, config), Noise()
    monkeypatch.setattr(
        torch.distributions.normal, "_standard_normal", lambda *_, **__: noise.theirs.pop(0)
    )
    monkeypatch.setattr(ours, "noise", lambda _like: noise.ours.pop(0))
    before = [w.detach().clone() for w in weights(linears(theirs.actor))]
    for _ in range(200):
        noise.draw()
        theirs.train(1, BATCH)
        ours.update(theirs.replay_buffer.last)
    assert noise.theirs == noise.ours == []
    expected = SAC(CONTINUOUS.observation_space, CONTINUOUS.action_space, config)
    sac_actor_into(expected.actor, theirs.actor)
    assert_same(ours.actor, expected.actor)
    assert_same_critics(ours.critics, theirs.critic)
    assert_same_critics(ours.critics_target, theirs.critic_target)
    torch.testing.assert_close(ours.log_temperature[0], theirs.log_ent_coef, rtol=0, atol=1e-5)
    assert theirs.log_ent_coef.item() < -0.1
    assert moved(linears(theirs.actor), before) > 0.01
    obs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    np.testing.assert_allclose(ours.act(obs), theirs.predict(obs, deterministic=True)[0], atol=1e-5)


def sac_beside(theirs: Any, config: SACConfig) -> SAC:
    """Our SAC from their weights, without the two differences that are meant."""
    ours = SAC(CONTINUOUS.observation_space, CONTINUOUS.action_space, config)
    sac_actor_into(ours.actor, theirs.actor)
    critics_into(ours.critics, theirs.critic)
    critics_into(ours.critics_target, theirs.critic_target)
    # Theirs adds 1e-6 in the logarithm of 1 - tanh², which ours does not need.
    theirs.actor.action_dist.epsilon = 0.0
    # Theirs halves the critics' loss, which Adam does not see but for its epsilon.
    ours.critics_optimizer.param_groups[0]["eps"] *= 2
    return ours
