"""DQN: what it computes, judged by hand, and how it acts."""

from __future__ import annotations

import copy
import dataclasses
import io
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig
from sharpwave.agents.expected import LOSSES
from sharpwave.agents.flat import clip

FEATURES = spaces.Box(-1, 1, (3,), np.float32)
SMALL = DQNConfig(hidden=(8,), batch_size=4)


def agent_of(n_actions: int = 2, seed: int = 0, **settings) -> DQN:
    config = dataclasses.replace(SMALL, **settings)
    return DQN(FEATURES, spaces.Discrete(n_actions), config, seed=seed)


def random_batch(size: int = 4, n_actions: int = 2, seed: int = 0) -> SimpleNamespace:
    generator = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        obs=torch.randn(size, 3, generator=generator),
        action=torch.randint(n_actions, (size,), generator=generator),
        reward=torch.randn(size, generator=generator),
        next_obs=torch.randn(size, 3, generator=generator),
        discount=torch.full((size,), 0.9),
    )


def table(*rows: list[float]) -> torch.nn.Module:
    """A network whose values for observation i are row i."""
    embedding = torch.nn.Embedding(len(rows), len(rows[0]))
    embedding.weight.data = torch.tensor(rows)
    return embedding


def row(obs: int, action: int, reward: float, next_obs: int, discount: float) -> SimpleNamespace:
    return SimpleNamespace(
        obs=torch.tensor([obs]),
        action=torch.tensor([action]),
        reward=torch.tensor([reward]),
        next_obs=torch.tensor([next_obs]),
        discount=torch.tensor([discount]),
    )


def loss_of(online, target, batch, double=False, loss="mse") -> torch.Tensor:
    agent = agent_of(double=double, loss=loss)
    agent.online, agent.target = Takes(online), Takes(target)
    return agent.losses(batch, None, None, None)[0]


class Takes(torch.nn.Module):
    """A network of observations alone, called as the agent calls its own."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, obs: torch.Tensor, _tau: None = None) -> torch.Tensor:
        return self.network(obs)


def parameters(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# --- the loss


def test_the_target_is_the_reward_plus_the_discounted_maximum_of_the_target_network() -> None:
    online, target = table([0.0, 7.0], [1.0, 2.0]), table([0.0, 0.0], [10.0, 5.0])
    # y = 3 + 0.5 * 10 = 8, Q(s, a) = 7
    assert loss_of(online, target, row(0, 1, 3.0, 1, 0.5)).item() == 1.0


def test_double_dqn_chooses_by_the_online_network_and_values_by_the_target_network() -> None:
    online, target = table([0.0, 0.0], [1.0, 2.0]), table([0.0, 0.0], [10.0, 5.0])
    batch = row(0, 0, 0.0, 1, 1.0)
    assert loss_of(online, target, batch, double=True).item() == 25.0
    assert loss_of(online, target, batch, double=False).item() == 100.0


def test_a_terminal_transition_does_not_bootstrap_and_a_truncated_one_does() -> None:
    online, target = table([0.0, 0.0], [0.0, 0.0]), table([0.0, 0.0], [4.0, 4.0])
    assert loss_of(online, target, row(0, 0, 1.0, 1, 0.0)).item() == 1.0
    assert loss_of(online, target, row(0, 0, 1.0, 1, 0.5)).item() == 9.0


def test_every_row_of_a_batch_has_its_own_maximum() -> None:
    target = table([1.0, 2.0], [5.0, 3.0])
    batch = SimpleNamespace(
        obs=torch.tensor([0, 1]),
        action=torch.tensor([0, 0]),
        reward=torch.zeros(2),
        next_obs=torch.tensor([0, 1]),
        discount=torch.ones(2),
    )
    online = table([0.0, 0.0], [0.0, 0.0])
    assert loss_of(online, target, batch).item() == (2.0**2 + 5.0**2) / 2


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_of_a_batch_is_the_mean_of_its_rows(loss, double) -> None:
    agent, batch = agent_of(), random_batch(5)
    next(agent.target.parameters()).data += 0.1
    singles = [
        SimpleNamespace(**{name: column[i : i + 1] for name, column in vars(batch).items()})
        for i in range(5)
    ]
    losses = [loss_of(agent.online, agent.target, s, double, loss).item() for s in singles]
    whole = loss_of(agent.online, agent.target, batch, double, loss).item()
    assert whole == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize(
    ("td", "huber", "mse"), [(10.0, 1.0, 20.0), (-0.3, -0.3, -0.6), (-7.0, -1.0, -14.0)]
)
def test_the_gradient_of_huber_is_the_td_error_clipped_to_one(td, huber, mse) -> None:
    for loss, expected in (("huber", huber), ("mse", mse)):
        online, target = table([td, 0.0]), table([0.0, 0.0])
        loss_of(online, target, row(0, 0, 0.0, 0, 0.0), loss=loss).backward()
        assert online.weight.grad[0].tolist() == pytest.approx([expected, 0.0])


def test_no_gradient_enters_the_target_nor_the_choice_of_the_next_action() -> None:
    online, target = table([1.0, 0.0], [3.0, 2.0]), table([0.0, 0.0], [4.0, 4.0])
    loss_of(online, target, row(0, 0, 0.0, 1, 1.0), double=True).backward()
    assert target.weight.grad is None
    assert online.weight.grad[1].tolist() == [0.0, 0.0]


# --- a gradient step


def test_a_gradient_step_is_one_of_adam_on_the_loss() -> None:
    agent, batch = agent_of(max_grad_norm=None), random_batch()
    twin = copy.deepcopy(agent.online)
    adam = torch.optim.Adam(twin.parameters(), lr=agent.config.learning_rate)
    for _ in range(3):
        adam.zero_grad()
        loss = loss_of(twin, agent.target, batch, double=True, loss="huber")
        loss.backward()
        adam.step()
        assert agent.update(batch).loss.item() == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(parameters(agent.online), parameters(twin), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_step_changes_the_online_network_and_not_the_target() -> None:
    agent = agent_of()
    assert not any(parameter.requires_grad for parameter in agent.target.parameters())
    online, target = parameters(agent.online), parameters(agent.target)
    update = agent.update(random_batch())
    assert not update.loss.requires_grad
    assert not update.td_error.requires_grad
    assert update.td_error.shape == (4,)
    assert same(parameters(agent.target), target)
    assert not any(map(torch.equal, parameters(agent.online), online))


def test_gradients_longer_than_the_bound_are_scaled_to_it_and_shorter_ones_left() -> None:
    gradient = torch.tensor([3.0, 4.0])
    clip(gradient, 10.0)
    assert gradient.tolist() == [3.0, 4.0]
    clip(gradient, 1.0)
    assert gradient.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)
    clip(zero := torch.zeros(2), 1.0)
    assert zero.tolist() == [0.0, 0.0]


def test_the_bound_is_on_all_gradients_together() -> None:
    agent = agent_of(max_grad_norm=0.01, loss="mse")
    agent.update(random_batch())
    (flat,) = agent.optimizer.param_groups[0]["params"]
    assert float(torch.linalg.vector_norm(flat.grad)) == pytest.approx(0.01, rel=1e-3)


def test_actions_are_counted_from_the_start_of_their_space() -> None:
    agent = DQN(FEATURES, spaces.Discrete(2, start=5), SMALL)
    batch = random_batch()
    batch.action += 5
    agent.update(batch)
    obs = np.zeros(3, np.float32)
    assert {agent.act(obs, epsilon=1.0) for _ in range(50)} == {5, 6}
    assert agent.act(obs) in (5, 6)
    assert set(agent.act(np.zeros((50, 3), np.float32), epsilon=1.0).tolist()) == {5, 6}


# --- the target network


def test_the_two_networks_start_equal_and_share_no_memory() -> None:
    agent = agent_of()
    assert same(parameters(agent.online), parameters(agent.target))
    online = {p.untyped_storage().data_ptr() for p in agent.online.parameters()}
    target = {p.untyped_storage().data_ptr() for p in agent.target.parameters()}
    assert not online & target


def test_the_optimizer_holds_the_online_parameters_and_no_others() -> None:
    agent = agent_of()
    (flat,) = [p for group in agent.optimizer.param_groups for p in group["params"]]
    online = list(agent.online.parameters())
    assert flat.numel() == sum(p.numel() for p in online)
    assert {p.untyped_storage().data_ptr() for p in online} == {flat.untyped_storage().data_ptr()}


def test_a_hard_update_copies_bit_for_bit() -> None:
    agent = agent_of(tau=1.0)
    agent.update(random_batch())
    agent.update_target()
    assert same(parameters(agent.target), parameters(agent.online))


def test_a_polyak_update_moves_by_the_share_tau_and_two_are_two() -> None:
    agent = agent_of(tau=0.25)
    before = parameters(agent.target)
    agent.update(random_batch())
    online = parameters(agent.online)
    agent.update_target()
    for old, new, goal in zip(before, parameters(agent.target), online, strict=True):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * goal)
    agent.target.load_state_dict(dict(zip(agent.target.state_dict(), before, strict=True)))
    agent.update_target(times=2)
    for old, new, goal in zip(before, parameters(agent.target), online, strict=True):
        torch.testing.assert_close(new, 0.5625 * old + 0.4375 * goal)


# --- acting


def test_without_exploration_it_takes_the_most_valuable_action_every_time() -> None:
    agent, rng = agent_of(4), np.random.default_rng(0)
    batch = rng.normal(size=(50, 3)).astype(np.float32)
    best = agent.online(torch.from_numpy(batch)).argmax(1).tolist()
    assert [agent.act(obs) for obs in batch] == best
    assert agent.act(batch).tolist() == best
    assert agent.act(batch).dtype == np.int64
    assert len(set(best)) > 1


def test_exploration_is_as_frequent_as_epsilon_says_and_uniform() -> None:
    agent, obs = agent_of(4), np.zeros(3, np.float32)
    greedy = agent.act(obs)
    for actions in (
        [agent.act(obs, 0.4) for _ in range(4000)],
        agent.act(np.tile(obs, (4000, 1)), 0.4),
    ):
        counts = np.bincount(actions, minlength=4)
        others = np.delete(counts, greedy)
        # 4000 draws, each other action with chance 0.1: mean 400, deviation 19
        assert np.all(np.abs(others - 400) < 5 * 19)


def test_random_actions_need_no_network() -> None:
    agent = agent_of(4)
    agent.online = agent.target = agent._values = None
    assert agent.act(np.zeros(3, np.float32), epsilon=1.0) in range(4)
    assert agent.act(np.zeros((5, 3), np.float32), epsilon=1.0).shape == (5,)


def test_discrete_observations_are_told_from_batches_of_them() -> None:
    agent = DQN(spaces.Discrete(5), spaces.Discrete(2), SMALL)
    assert agent.act(3) == agent.act(np.int64(3)) == agent.act(np.array([1, 3]))[1]


def test_acting_follows_learning() -> None:
    agent, batch = agent_of(learning_rate=0.1), random_batch()
    batch.reward[:] = torch.where(batch.action == 1, 1.0, -1.0)
    batch.discount[:] = 0.0
    for _ in range(200):
        agent.update(batch)
    assert [agent.act(obs.numpy()) for obs in batch.obs] == [1, 1, 1, 1]
    batch.reward *= -1
    for _ in range(200):
        agent.update(batch)
    assert [agent.act(obs.numpy()) for obs in batch.obs] == [0, 0, 0, 0]


# --- seeds, copies, states


def test_one_seed_gives_one_agent_and_torch_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    a, b, c = agent_of(seed=1), agent_of(seed=1), agent_of(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert same(parameters(a.online), parameters(b.online))
    assert not same(parameters(a.online), parameters(c.online))
    obs = np.zeros((30, 3), np.float32)
    assert a.act(obs, 1.0).tolist() == b.act(obs, 1.0).tolist() != c.act(obs, 1.0).tolist()


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copy_acts_and_learns_on_its_own(copy_of) -> None:
    agent, batch = agent_of(), random_batch()
    clone = copy_of(agent)
    before = parameters(agent.online)
    clone.update(batch)
    assert same(parameters(agent.online), before)
    agent.update(batch)
    assert same(parameters(agent.online), parameters(clone.online))
    with torch.no_grad():
        for one, bias in ((clone, [0.0, 1.0]), (agent, [1.0, 0.0])):
            last = one.online.advantage.layers[-1]
            last.weight.zero_()
            last.bias.copy_(torch.tensor(bias))
    obs = np.zeros(3, np.float32)
    assert (agent.act(obs), clone.act(obs)) == (0, 1)


def test_a_loaded_state_goes_on_exactly() -> None:
    agent, other = agent_of(seed=1), agent_of(seed=2)
    obs = np.zeros((9, 3), np.float32)
    agent.update(random_batch())
    agent.act(obs, 0.5)
    stream = io.BytesIO()
    torch.save(agent.state_dict(), stream)
    stream.seek(0)
    other.load_state_dict(torch.load(stream, weights_only=True))
    for one in (agent, other):
        one.update(random_batch(seed=1))
        one.update_target()
    assert same(parameters(agent.online), parameters(other.online))
    assert same(parameters(agent.target), parameters(other.target))
    assert agent.act(obs, 0.5).tolist() == other.act(obs, 0.5).tolist()


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", (64, 0)),
        ("hidden", "64"),
        ("hidden", 64),
        ("learning_rate", 0.0),
        ("learning_rate", -1e-3),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("learning_rate", "fast"),
        ("gamma", 1.01),
        ("gamma", -0.1),
        ("batch_size", 0),
        ("batch_size", 32.5),
        ("batch_size", True),
        ("buffer_size", 0),
        ("learning_starts", 0),
        ("train_freq", 0),
        ("gradient_steps", 0),
        ("gradient_steps", -1),
        ("target_update_interval", 0),
        ("tau", 0.0),
        ("tau", 1.5),
        ("double", 1),
        ("loss", "l1"),
        ("max_grad_norm", 0.0),
        ("max_grad_norm", "none"),
        ("epsilon_start", 1.5),
        ("epsilon_end", -0.1),
        ("exploration_fraction", 2.0),
        ("device", "abacus"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_came(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got ") as caught:
        DQNConfig(**{name: value})
    assert str(value if not isinstance(value, tuple) else 0) in str(caught.value)


def test_settings_are_plain_values_whatever_came() -> None:
    config = DQNConfig(hidden=[np.int64(8)], batch_size=np.int32(16), gamma=1, max_grad_norm=None)
    assert (config.hidden, config.batch_size, config.gamma) == ((8,), 16, 1.0)
    assert [type(value) for value in (config.hidden[0], config.batch_size)] == [int, int]


def test_actions_must_be_discrete() -> None:
    with pytest.raises(ValueError, match=r"action_space: DQN needs Discrete actions, got Box"):
        DQN(FEATURES, spaces.Box(-1, 1, (1,), np.float32))
