"""What an agent with a memory remembers while it acts, and that learning unrolls the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

pytest.importorskip("torch")

import torch
from memory_tasks import (
    FEATURES,
    SPACES,
    Run,
    Walk,
    agent_of,
    collected,
)

from sharpwave.agents.encoders import encoder
from sharpwave.agents.recurrent import Memory, RecurrentQNetwork
from sharpwave.agents.sequence_targets import with_successor

VECTORS = [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP, AutoresetMode.DISABLED]


@pytest.mark.parametrize("mode", [None, *VECTORS], ids=str)
def test_stored_states_are_those_acted_from_and_unrolling_goes_through_them(mode) -> None:
    env = Walk() if mode is None else SyncVectorEnv([Walk] * 3, autoreset_mode=mode)
    run = Run(env, epsilon_start=0.0, epsilon_end=0.0, batch_size=200).collect(400)
    network, batch = run.agent.online, run.agent.sample(run.buffer)
    assert (batch.state[:, 0] == 0).all(1).any()
    with torch.no_grad():
        values = network(batch.obs, batch.state[:, 0], burn_in=3)
        state = batch.state[:, 0]
        for t in range(batch.mask.shape[1]):
            rows = batch.mask[:, t]
            torch.testing.assert_close(state[rows], batch.state[rows, t], rtol=1e-4, atol=1e-6)
            q, state = network.step(batch.obs[:, t], state)
            torch.testing.assert_close(values[rows, t], q[rows], rtol=1e-4, atol=1e-6)
    taken = values.gather(2, batch.action.unsqueeze(2)).squeeze(2)
    assert (taken >= values.amax(2) - 1e-5)[batch.mask].all(), "it acted by the values of the state"
    # So long a period lets sequences begin with their episode alone.
    episodes = run.buffer.sample_sequences(200, 13, period=1000)
    zero = (episodes.state == 0).all(2)
    assert zero[:, 0].all() and not zero[:, 1:][episodes.mask[:, 1:]].any()


def test_begin_forgets_all_episodes_or_those_a_mask_names() -> None:
    agent, obs = agent_of(), np.ones((3, 3), np.float32)
    agent.begin(None)
    agent.explore(obs, 0, 10)
    assert agent.extras()["state"].shape == (3, 12) and not agent.extras()["state"].any()
    agent.begin(np.array([True, False, True]))
    agent.explore(obs, 1, 10)
    assert agent.extras()["state"].any(1).tolist() == [False, True, False]
    assert agent.extras()["state"].dtype == np.float32
    agent.begin(None)
    agent.explore(obs[0], 2, 10)
    assert agent.extras()["state"].shape == (12,) and not agent.extras()["state"].any()
    with pytest.raises(ValueError, match=r"obs: expected as many as at the step before, .*begin"):
        agent.explore(obs, 3, 10)


def test_acting_has_a_memory_of_its_own_until_it_is_reset() -> None:
    agent, rng = agent_of(), np.random.default_rng(0)
    episode = rng.normal(size=(20, 3)).astype(np.float32)
    first = [agent.act(obs) for obs in episode]
    states = agent.acting.state.copy()
    agent.explore(episode[:4], 0, 10)
    assert np.array_equal(agent.acting.state, states)
    agent.reset()
    assert agent.acting.state is None and agent.exploring.state.any()
    assert [agent.act(obs) for obs in episode] == first
    agent.reset()
    together = [agent.act(np.stack([obs, -obs])) for obs in episode]
    assert [int(pair[0]) for pair in together] == first
    assert type(first[0]) is int and together[0].dtype == np.int64


def test_exploration_is_as_frequent_as_epsilon_says() -> None:
    agent = agent_of(epsilon_start=0.6, epsilon_end=0.6)
    obs = np.zeros((4000, 3), np.float32)
    greedy = agent.act(obs[:1])[0]
    others = np.delete(np.bincount(agent.explore(obs, 0, 10), minlength=3), greedy)
    # 4000 draws, each other action with chance 0.2: mean 800, deviation 25
    assert np.all(np.abs(others - 800) < 5 * 25)
    assert agent.exploration(0, 10) == {"epsilon": 0.6}


def test_actions_and_observations_are_counted_from_the_start_of_their_space() -> None:
    env = Walk(spaces.Discrete(4, start=7), first_action=5)
    agent, batch = collected(env)
    assert set(batch.action[batch.mask].tolist()) == {5, 6, 7}
    before = agent.losses(batch)
    agent._first, batch.action = 0, batch.action - 5
    assert torch.equal(before[0], agent.losses(batch)[0])
    assert agent_of(env).act(8) in (5, 6, 7)


def test_actions_that_the_mask_forbids_are_neither_taken_nor_valued() -> None:
    agent, batch = collected(Walk(SPACES["masked"]), n_step=1, rescale=False)
    longer = with_successor(batch.obs, batch.next_obs, batch.mask)["action_mask"]
    next_q, chooser = torch.randn(2, 12, 9, 3, generator=torch.Generator().manual_seed(0))
    y = agent.targets(batch, next_q, chooser, longer)
    some = [(b, t) for b, t in batch.mask.nonzero().tolist() if longer[b, t + 1].any()]
    for b, t in some:
        allowed = [a for a in range(3) if longer[b, t + 1, a]]
        best = max(allowed, key=lambda a: float(chooser[b, t + 1, a]))
        expected = batch.reward[b, t] + batch.discount[b, t] * next_q[b, t + 1, best]
        assert float(y[b, t]) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)
    only = {"observation": np.ones((9, 3), np.float32), "action_mask": np.eye(3)[[0, 1, 2] * 3]}
    for epsilon in (0.0, 1.0):
        one = agent_of(Walk(SPACES["masked"]), epsilon_start=epsilon, epsilon_end=epsilon)
        assert one.explore(only, 0, 10).tolist() == one.act(only).tolist() == [0, 1, 2] * 3
        one.begin(None)
        assert one.explore({name: rows[1] for name, rows in only.items()}, 1, 10) == 1


@pytest.mark.parametrize("name", SPACES)
def test_it_learns_from_every_kind_of_observation(name) -> None:
    run = Run(Walk(SPACES[name]), prioritized=name != "image").go(0, 130)
    assert run.learner.updates == 8
    assert math.isfinite(float(run.learner.latest.loss))


def test_a_memory_that_has_nothing_yet_can_be_saved() -> None:
    memory, other = Memory(2), Memory(2)
    other.keep(np.ones(2, np.float32))
    other.load_state_dict(memory.state_dict())
    assert other.state is None
    memory.forget(np.array([True]))
    assert memory.recall((1,)).tolist() == [[0.0, 0.0]]


def test_the_memory_may_stand_right_behind_the_observation() -> None:
    network = RecurrentQNetwork(encoder(FEATURES), 2, (), memory=4)
    assert network(torch.zeros(5, 7, 3), torch.zeros(5, 8)).shape == (5, 7, 2)


def test_an_lstms_weights_begin_their_storage_as_cudnn_wants_them() -> None:
    agent = agent_of(Walk(SPACES["image"]))
    for network in (agent.online, agent.target):
        begin, offset = network.lstm.weight_ih_l0.untyped_storage().data_ptr(), 0
        for parameter in network.lstm.all_weights[0]:
            assert parameter.data_ptr() == begin + offset
            offset += parameter.nbytes
