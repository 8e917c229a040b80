"""The native steps of SAC, TD3 and DDPG beside torch's: the same losses, weights and runs."""

from __future__ import annotations

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch
from plain_actor_critic import FEATURES, ODD, random_batch

from sharpwave.agents import DDPG, SAC, TD3, DDPGConfig, SACConfig, TD3Config
from sharpwave.agents.native_actor_critic import LARGEST

KINDS: dict[str, Any] = {"sac": (SAC, SACConfig), "td3": (TD3, TD3Config)}
KINDS["ddpg"] = (DDPG, DDPGConfig)
NETWORKS = ("actor", "critics", "critics_target", "actor_target", "log_temperature")


def agent_of(kind: str, backend: str, space: Any = FEATURES, **settings: Any) -> Any:
    agent_type, config_type = KINDS[kind]
    given = {"hidden": (16, 9), "batch_size": 33, "backend": backend, **settings}
    agent = agent_type(space, ODD, config_type(**given), seed=1)
    with torch.no_grad():  # targets of their own
        generator = torch.Generator().manual_seed(2)
        values = agent._critics_target.values
        values += 0.1 * torch.randn(values.shape, generator=generator)
    return agent


def both(kind: str, **settings: Any) -> tuple[Any, Any]:
    agents = agent_of(kind, "torch", **settings), agent_of(kind, "native", **settings)
    assert [agent._native is None for agent in agents] == [True, False]
    return agents


def assert_same(a: Any, b: Any, tolerance: float = 1e-5) -> None:
    close = {"rtol": tolerance, "atol": tolerance}
    for name in NETWORKS:
        if hasattr(a, name):
            of_a, of_b = getattr(a, name).state_dict(), getattr(b, name).state_dict()
            for key, value in of_a.items():
                torch.testing.assert_close(of_b[key], value, **close)
    for name in ("critics_optimizer", "actor_optimizer"):
        of_a, of_b = (getattr(x, name).state_dict()["state"] for x in (a, b))
        assert of_a.keys() == of_b.keys()
        for moments, others in zip(of_a.values(), of_b.values(), strict=True):
            for key, value in moments.items():
                torch.testing.assert_close(others[key], value, **close)


def assert_same_update(got: Any, expected: Any) -> None:
    close = {"rtol": 1e-5, "atol": 1e-5}
    torch.testing.assert_close(got.loss, expected.loss, **close)
    torch.testing.assert_close(got.td_error, expected.td_error, **close)
    assert got.logs.keys() == expected.logs.keys()
    for name, value in expected.logs.items():
        torch.testing.assert_close(got.logs[name], value, **close)


SETTINGS = [
    ("sac", {}),
    ("sac", {"temperature": 0.2, "tau": 0.5, "target_entropy": 0.5}),
    ("sac", {"learn_temperature": False, "policy_delay": 3, "critics": 1}),
    ("sac", {"critics": 5, "target_critics": 2, "actor_learning_rate": 1e-2}),
    ("sac", {"critics": 3, "target_critics": 3}),
    ("td3", {}),
    ("td3", {"target_noise": 0.6, "policy_delay": 3, "critics": 3}),
    ("td3", {"critics": 1, "target_noise_clip": 0.0, "actor_learning_rate": 1e-2}),
    ("ddpg", {}),
]


@pytest.mark.parametrize("hidden", [(), (1,), (64, 48), (33, 17, 16, 5)])
@pytest.mark.parametrize(("kind", "settings"), SETTINGS, ids=str)
def test_an_update_is_that_of_torch(kind, settings, hidden) -> None:
    theirs, ours = both(kind, hidden=hidden, **settings)
    for seed, size in enumerate((1, 33, 300, 16, 257, 33)):
        batch = random_batch(size, seed, weighted=seed % 3 == 1)
        expected = theirs.update(batch)
        assert_same_update(ours.update(batch), expected)
        assert_same(theirs, ours)


@pytest.mark.parametrize("kind", KINDS)
def test_three_hundred_updates_are_those_of_torch(kind) -> None:
    theirs, ours = both(kind, tau=0.05, learning_rate=1e-3)
    before = [x.values.detach().clone() for x in (ours._actor, ours._critics)]
    for seed in range(300):
        batch = random_batch(33, seed, weighted=seed % 2 == 0)
        theirs.update(batch)
        ours.update(batch)
    assert_same(theirs, ours)
    for old, now in zip(before, (ours._actor, ours._critics), strict=True):
        assert (now.values - old).abs().max() > 0.01


SCRIPT = """
import test_native_actor_critic as test
for kind, settings in test.SETTINGS[::2]:
    test.test_an_update_is_that_of_torch(kind, settings, (33, 17, 16, 5))
"""


@pytest.mark.parametrize("kernels", ["baseline", "avx2", "avx512"])
def test_every_set_of_kernels_does(kernels) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "SHARPWAVE_CPU": kernels, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_policies_far_from_the_middle_are_those_of_torch(kind) -> None:
    """Where tanh is 1, and where deviations are clipped on both sides."""
    agents = both(kind, hidden=())
    for agent in agents:
        with torch.no_grad():
            agent._actor.values.mul_(40)
    for seed in range(5):
        batch = random_batch(33, seed)
        expected = agents[0].update(batch)
        assert_same_update(agents[1].update(batch), expected)
        assert_same(*agents)


@pytest.mark.parametrize("kind", KINDS)
def test_observations_of_several_axes_and_of_float64_are_read_too(kind) -> None:
    space = spaces.Box(-1, 1, (3, 2), np.float64)
    agents = both(kind, space=space)
    batch = random_batch(33)
    batch.obs, batch.next_obs = (
        torch.stack([x, -x], 2).double() for x in (batch.obs, batch.next_obs)
    )
    for agent in agents:
        agent.update(batch)
        agent.update(batch)
    assert_same(*agents)


# --- runs


@pytest.mark.parametrize(("first", "then"), [("torch", "native"), ("native", "torch")])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_one_backend_is_continued_by_the_other(kind, first, then) -> None:
    straight, saved, loaded = (agent_of(kind, backend) for backend in ("torch", first, then))
    for seed in range(20):
        straight.update(random_batch(33, seed))
    for seed in range(9):
        saved.update(random_batch(33, seed))
    loaded.load_state_dict(copy.deepcopy(saved.state_dict()))
    for seed in range(9, 20):
        loaded.update(random_batch(33, seed))
    assert_same(straight, loaded)
    assert loaded.state_dict().keys() == straight.state_dict().keys()
    assert torch.equal(loaded.generator.get_state(), straight.generator.get_state())


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_goes_on_bit_for_bit_and_on_its_own(kind, copy_of) -> None:
    agent = agent_of(kind, "native")
    agent.update(random_batch(33, 0))
    clone = copy_of(agent)
    before = agent._critics.values.detach().clone()
    clone.update(random_batch(33, 1))
    assert torch.equal(agent._critics.values, before)
    agent.update(random_batch(33, 1))
    assert torch.equal(agent._critics.values, clone._critics.values)
    assert torch.equal(agent._actor.values, clone._actor.values)


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimizers_settings_are_read_at_every_step(kind) -> None:
    agents = both(kind, policy_delay=1)
    for agent in agents:
        agent.update(random_batch(33, 0))
        agent.critics_optimizer.param_groups[0].update(lr=0.02, betas=(0.5, 0.9), eps=1e-4)
        agent.actor_optimizer.param_groups[0].update(lr=0.01, betas=(0.6, 0.8), eps=1e-3)
        agent.update(random_batch(33, 1))
    assert_same(*agents)
    assert agents[1].critics_optimizer.state[agents[1]._critics.values]["step"].item() == 2


# --- what is wrong


@pytest.mark.parametrize("kind", KINDS)
def test_a_reward_of_nan_is_a_loss_of_nan(kind) -> None:
    for agent in both(kind):
        batch = random_batch(33)
        batch.reward[3] = torch.nan
        update = agent.update(batch)
        assert update.loss.isnan()
        assert update.td_error.isnan().nonzero().tolist() == [[3]]
        assert agent._critics.values.isnan().any()


@pytest.mark.parametrize("kind", KINDS)
def test_an_observation_of_nan_reaches_the_actor(kind) -> None:
    for agent in both(kind, policy_delay=1):
        batch = random_batch(33)
        batch.obs[3] = torch.nan
        agent.update(batch)
        assert agent._actor.values.isnan().any()


@pytest.mark.parametrize("name", ["obs", "next_obs", "discount", "weight"])
@pytest.mark.parametrize("kind", KINDS)
def test_sizes_that_do_not_fit_are_refused_and_change_nothing(kind, name) -> None:
    agent, batch = agent_of(kind, "native"), random_batch(33, weighted=True)
    before = agent._critics.values.detach().clone()
    setattr(batch, name, getattr(batch, name)[:-1])
    with pytest.raises(ValueError, match=f"^{name}: expected .* values, got"):
        agent.update(batch)
    assert torch.equal(agent._critics.values, before)
    assert agent.critics_optimizer.state[agent._critics.values]["step"].item() == 0


@pytest.mark.parametrize("members", [[], [2]])
def test_members_that_there_are_not_are_refused(members) -> None:
    agent, batch = agent_of("sac", "native"), random_batch(33)
    agent._members = lambda: torch.tensor(members, dtype=torch.long)
    with pytest.raises(ValueError, match=r"^members: expected"):
        agent.update(batch)


# --- which backend it is


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("sac", {"layer_norm": True}),
        ("td3", {"layer_norm": True}),
        ("td3", {"bc_alpha": 2.5}),
        ("ddpg", {"bc_alpha": 2.5}),
    ],
    ids=str,
)
def test_settings_that_it_does_not_know_are_torchs_or_refused_by_name(kind, settings) -> None:
    (name,) = settings
    assert agent_of(kind, "auto", **settings)._native is None
    with pytest.raises(ValueError, match=f"^backend: native expected {name}=.*, got .*backend="):
        agent_of(kind, "native", **settings)


@pytest.mark.parametrize(
    "space", [spaces.Discrete(3), spaces.Box(0, 255, (8, 8, 3), np.uint8)], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_observations_that_it_does_not_know_are_torchs_or_refused(kind, space) -> None:
    assert agent_of(kind, "auto", space)._native is None
    with pytest.raises(ValueError, match=r"^backend: native expected observations of a Box"):
        agent_of(kind, "native", space)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_is_native_unless_it_is_large_or_torch_is_asked_for(kind) -> None:
    assert agent_of(kind, "auto")._native is not None
    assert agent_of(kind, "torch")._native is None
    assert agent_of(kind, "auto", batch_size=LARGEST)._native is None
    assert agent_of(kind, "native", batch_size=LARGEST)._native is not None
    assert agent_of(kind, "auto", hidden=(256, 256), batch_size=256)._native is not None


@pytest.mark.parametrize("kind", KINDS)
def test_an_agent_with_a_loss_of_its_own_is_asked_for_it(kind) -> None:
    agent_type, config_type = KINDS[kind]

    class Doubled(agent_type):
        def critics_loss(self, *given: Any) -> Any:
            loss, td_error = super().critics_loss(*given)
            return 2 * loss, td_error

    class Renamed(agent_type):
        pass

    config = config_type(hidden=(8,), batch_size=4)
    plain, doubled, renamed = (
        each(FEATURES, ODD, config, seed=1) for each in (agent_type, Doubled, Renamed)
    )
    assert doubled._native is None
    assert renamed._native is not None
    expected = 2 * plain.update(random_batch()).loss
    torch.testing.assert_close(doubled.update(random_batch()).loss, expected)


def test_the_setting_is_checked() -> None:
    with pytest.raises(ValueError, match="backend"):
        dataclasses.replace(SACConfig(), backend="fast")
