"""R2D2: its loss, judged by plain loops, and that it learns to remember and can be continued."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

pytest.importorskip("torch")

import torch
from memory_tasks import (
    FEATURES,
    RECALL,
    Recall,
    Run,
    Walk,
    agent_of,
    collected,
    parameters,
    plain_targets,
)

import sharpwave as sw
from sharpwave.agents.r2d2 import R2D2
from sharpwave.agents.r2d2_config import R2D2Config
from sharpwave.training.learner import Learner

# --- the loss


def plain_loss(agent: R2D2, batch: Any) -> tuple[float, np.ndarray]:
    """The loss and TD errors, of networks asked step by step."""
    config, online, target = agent.config, [], []
    for network, values in ((agent.online, online), (agent.target, target)):
        for b in range(len(batch.mask)):
            state, rows = batch.state[b, 0], int(batch.mask[b].sum())
            steps = [*batch.obs[b, :rows], batch.next_obs[b, rows - 1]]
            with torch.no_grad():
                for obs in steps:
                    q, state = network.step(obs[None], state.reshape(1, -1))
                    values.append(q[0])
            values += [torch.zeros(3)] * (batch.mask.shape[1] + 1 - len(steps))
    online, target = (torch.stack(q).unflatten(0, (len(batch.mask), -1)) for q in (online, target))
    y = plain_targets(batch, target, online, config)
    errors, total, number = np.zeros(batch.mask.shape), 0.0, 0
    for b, t in batch.mask.nonzero().tolist():
        errors[b, t] = y[b, t] - float(online[b, t, batch.action[b, t]])
        if t >= config.burn_in or not batch.state[b, 0].any():
            total += 0.5 * float(batch.weight[b]) * errors[b, t] ** 2
            number += 1
    return total / number, np.abs(errors[:, config.burn_in :])


@pytest.mark.parametrize("burn_in", [0, 3])
@pytest.mark.parametrize("dueling", [True, False])
def test_the_loss_is_half_the_squared_error_of_all_learned_steps_weighted(dueling, burn_in) -> None:
    agent, batch = collected(dueling=dueling, burn_in=burn_in)
    begins = (batch.state[:, 0] == 0).all(1)
    assert begins.any() and not begins.all()
    batch.weight = torch.rand(len(batch.weight), generator=torch.Generator().manual_seed(0))
    loss, td_error = agent.losses(batch)
    expected_loss, expected_errors = plain_loss(agent, batch)
    assert loss.item() == pytest.approx(expected_loss, rel=1e-5)
    assert td_error.shape == (12, 5) and not td_error.requires_grad
    np.testing.assert_allclose(td_error, expected_errors, rtol=1e-4, atol=1e-5)


def test_what_lies_in_the_padding_does_not_matter() -> None:
    agent, batch = collected()
    before = agent.losses(batch)
    for name in ("obs", "next_obs", "reward", "discount", "action", "terminated", "state"):
        batch[name][~batch.mask] = 1
    for a, b in zip(before, agent.losses(batch), strict=True):
        assert torch.equal(a, b)


def gradients(agent: R2D2, batch: Any) -> torch.Tensor:
    """The size of the loss's gradient at each step's observation, (B, T)."""
    batch.obs.grad = None
    agent.losses(batch)[0].backward()
    return batch.obs.grad.abs().sum(2)


@pytest.mark.parametrize("some_begin", [True, False])
def test_burn_in_gets_no_gradient_but_where_an_episode_begins(some_begin) -> None:
    agent, batch = collected()
    batch.obs.requires_grad_()
    batch.state[:, 0] = 0.1
    begins = torch.zeros(12, dtype=bool)
    if some_begin:
        begins[:4] = True
        batch.state[:4, 0] = 0.0
    gradient = gradients(agent, batch)
    assert not gradient[~begins, :3].any()
    assert (gradient[begins, :3] > 0).all()
    assert ((gradient[:, 3:] > 0) == batch.mask[:, 3:]).all()


def test_a_step_changes_the_online_network_and_an_update_of_the_target_copies_it() -> None:
    agent, batch = collected()
    online, target = parameters(agent.online), parameters(agent.target)
    update = agent.update(batch)
    assert not update.loss.requires_grad
    assert all(map(torch.equal, parameters(agent.target), target))
    assert not any(map(torch.equal, parameters(agent.online), online))
    agent.update_target()
    assert all(map(torch.equal, parameters(agent.target), parameters(agent.online)))


def test_gradients_longer_than_the_bound_are_scaled_to_it() -> None:
    agent, batch = collected(max_grad_norm=0.01)
    agent.update(batch)
    (flat,) = agent.optimizer.param_groups[0]["params"]
    assert float(torch.linalg.vector_norm(flat.grad)) == pytest.approx(0.01, rel=1e-3)


def test_priorities_mix_the_largest_error_of_a_sequence_and_their_mean() -> None:
    run = Run(Walk(), priority_eta=0.3, priority_alpha=1.0).collect(400)
    assert run.buffer.sampler == sw.Prioritized(alpha=1.0, beta=0.6, eta=0.3)
    batch = run.agent.sample(run.buffer)
    td_error = run.agent.update(batch).td_error
    run.buffer.update_priorities(batch.index, td_error)
    errors = [row[known] for row, known in zip(td_error, batch.mask[:, 3:], strict=True)]
    mixed = [float(0.3 * row.max() + 0.7 * row.mean()) for row in errors]
    priorities = dict(zip(batch.index[:, 0].tolist(), mixed, strict=True))
    again = run.buffer.sample_sequences(1000, 5, burn_in=3, period=2)
    drawn = [(priorities.get(k), w) for k, w in zip(again.index[:, 0], again.weight, strict=True)]
    # A weight is the probability, which is the priority's share, to the power of -beta.
    same = [weight * priority**0.6 for priority, weight in drawn if priority is not None]
    assert len(set(same)) > 3
    np.testing.assert_allclose(same, same[0], rtol=1e-4)


# --- learning to remember


def success(agent: R2D2, episodes: int = 40, *, forgetful: bool = False) -> float:
    env, paid = Recall(), 0.0
    for seed in range(episodes):
        obs, _ = env.reset(seed=1000 + seed)
        agent.reset()
        ended = False
        while not ended:
            if forgetful:
                agent.reset()
            obs, reward, ended, _, _ = env.step(agent.act(obs))
            paid += reward
    return paid / episodes


def test_it_learns_what_only_a_memory_can() -> None:
    agent = Run(Recall(), steps=4000, **RECALL).go(0, 4000).agent
    assert success(agent) == 1.0
    # What is shown must not be told by the seeds alone: without memory it is one guess for all.
    assert 0.2 < success(agent, forgetful=True) < 0.8


# --- copies, states


def numbers(nest: Any, name: str = "") -> dict[str, Any]:
    if isinstance(nest, (list, tuple)):
        nest = dict(enumerate(nest))
    if not isinstance(nest, dict):
        return {name: nest.tolist() if isinstance(nest, (torch.Tensor, np.ndarray)) else nest}
    return {k: v for key, child in nest.items() for k, v in numbers(child, f"{name}.{key}").items()}


def everything(run: Run) -> dict[str, Any]:
    batch = dict(run.agent.sample(run.buffer))
    parts = {"agent": run.agent.state_dict(), "collector": run.collector.state_dict()}
    return numbers({**parts, "batch": batch})


@pytest.mark.parametrize("num_envs", [1, 2])
def test_a_run_goes_on_bit_for_bit(tmp_path, num_envs) -> None:
    def env() -> Any:
        if num_envs == 1:
            return Recall()
        return SyncVectorEnv([Recall] * 2, autoreset_mode=AutoresetMode.DISABLED)

    middle, end = 400, 600
    straight = Run(env(), **RECALL).go(0, middle).go(middle, end)
    first = Run(env(), **RECALL).go(0, middle)
    assert first.agent.exploring.state.any(), "the stop has to fall into an episode"
    state = {"agent": first.agent.state_dict(), "collector": first.collector.state_dict()}
    torch.save(state, tmp_path / "state.pt")
    first.buffer.save(tmp_path / "buffer")

    state = torch.load(tmp_path / "state.pt", weights_only=True)
    buffer = sw.ReplayBuffer.load(tmp_path / "buffer")
    second = Run(env(), **RECALL, seed=5, buffer=buffer)
    second.learner = Learner(second.agent, buffer, 1000, done=middle)
    second.agent.load_state_dict(state["agent"])
    assert second.collector.load_state_dict(state["collector"]) == []
    second.go(middle, end)
    assert everything(second) == everything(straight)


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copy_remembers_the_same_and_goes_on_by_itself(copy_of) -> None:
    agent, batch = collected()
    agent.act(np.ones(3, np.float32))
    clone = copy_of(agent)
    assert np.array_equal(clone.acting.state, agent.acting.state)
    assert np.array_equal(clone.exploring.state, agent.exploring.state)
    before = numbers(agent.state_dict())
    clone.update(batch)
    clone.act(np.ones(3, np.float32))
    clone.explore(np.ones(3, np.float32), 0, 10)
    assert numbers(agent.state_dict()) == before
    agent.update(batch)
    assert all(map(torch.equal, parameters(agent.online), parameters(clone.online)))


def test_one_seed_gives_one_agent_and_torch_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    a, b, c = (parameters(agent_of(seed=seed).online) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, a, b)) and not all(map(torch.equal, a, c))


# --- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden", 64),
        ("memory", 0),
        ("length", 0),
        ("burn_in", -1),
        ("period", 0),
        ("n_step", 0),
        ("adam_eps", 0.0),
        ("priority_eta", 1.5),
        ("rescale", 1),
        ("convolutions", "none"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_came(name, value) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: expected .*got {value!r}$"):
        R2D2Config(**{name: value})


def test_what_the_buffer_must_have_is_said_by_the_agent() -> None:
    options = agent_of(n_step=5, gamma=0.9).buffer_options()
    assert (options["n_step"], options["gamma"]) == (1, 0.9)
    assert options["extra_fields"]["state"].shape == (12,)
    assert "sampler" not in agent_of(prioritized=False).buffer_options()


def test_episodes_too_short_to_learn_from_are_an_error_that_names_burn_in() -> None:
    run = Run(Recall(), burn_in=6).collect(100)
    with pytest.raises(ValueError, match=r"lower burn_in or add longer episodes"):
        run.agent.sample(run.buffer)


def test_actions_must_be_discrete() -> None:
    with pytest.raises(ValueError, match=r"action_space: R2D2 needs Discrete actions, got Box"):
        R2D2(FEATURES, spaces.Box(-1, 1, (1,), np.float32))
