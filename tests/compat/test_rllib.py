"""RLlib's episode buffers beside ours: the same episodes, the same draws, the same transitions."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ray")
pytest.importorskip("torch")

from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.utils import replay_buffers as theirs

from sharpwave.compat import rllib as ours

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's, and those of what it imports

OBS = gym.spaces.Box(-9, 9, (3,))
DICT = gym.spaces.Dict({"a": OBS, "b": gym.spaces.Discrete(5)})


def observation(rng, space):
    if space is DICT:
        return {"a": rng.normal(size=3).astype("f4"), "b": int(rng.integers(5))}
    return rng.normal(size=3).astype("f4")


def fragments(count, seed=0, space=OBS):
    """Pieces of episodes of three environments, as a runner hands them over."""
    rng = np.random.default_rng(seed)
    running = []
    for number in range(count):
        if len(running) < 3:
            episode = SingleAgentEpisode(
                observation_space=space, action_space=gym.spaces.Discrete(4)
            )
            episode.add_env_reset(observation(rng, space), infos={"start": number})
            running.append(episode)
        episode = running.pop(0)
        ends = rng.random() < 0.4
        steps = int(rng.integers(1, 9))
        for step in range(steps):
            last = step == steps - 1
            episode.add_env_step(
                observation(rng, space), int(rng.integers(4)), float(rng.normal()),
                infos={"t": episode.t}, terminated=bool(ends and last and rng.random() < 0.5),
                truncated=bool(ends and last and not episode.is_terminated),
                extra_model_outputs={"logits": rng.normal(size=2).astype("f4")},
            )  # fmt: skip
        if not episode.is_done:
            running.append(episode.cut())
        yield episode


def same(one, two) -> bool:
    if isinstance(two, dict):
        return set(one) == set(two) and all(same(one[key], two[key]) for key in two)
    if isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    one, two = np.asarray(one), np.asarray(two)
    if two.dtype.kind not in "biuf":
        return one.tolist() == two.tolist()
    return one.shape == two.shape and np.allclose(one, two, rtol=1e-6, atol=0)


def transition(episode):
    outputs = episode.extra_model_outputs
    return {
        "id": episode.id_,
        "t": [episode.t_started, episode.t],
        "obs": episode.get_observations(),
        "actions": episode.get_actions(),
        "rewards": episode.get_rewards(),
        "ends": [episode.is_terminated, episode.is_truncated],
        "n_step": episode.get_extra_model_outputs("n_step", -1),
        "weights": episode.get_extra_model_outputs("weights", -1),
        "logits": episode.get_extra_model_outputs("logits") if "logits" in outputs else [],
    }


def assert_same_window(got, expected, parts) -> None:
    """The same as theirs, but for what RLlib gets wrong; that is taken from what was added.

    Its model outputs are those of the episode's first step, whatever step was drawn. A window that
    meets the end of its episode says that it has ``n_step`` steps, and that nothing ended.
    """
    mine, other = transition(got), transition(expected)
    for name in ("id", "t", "obs", "actions", "rewards", "weights"):
        assert same(mine[name], other[name]), name
    newest, t = parts[-1], got.t_started
    left = newest.t - t
    assert mine["n_step"] == min(other["n_step"], left)
    is_end = mine["n_step"] == left
    assert mine["ends"] == [is_end and newest.is_terminated, is_end and newest.is_truncated]
    said = [x for part in parts for x in part.get_extra_model_outputs("logits")]
    assert same(mine["logits"], [said[t]])


@pytest.mark.parametrize("space", [OBS, DICT], ids=["box", "dict"])
@pytest.mark.parametrize("n_step", [1, 3, (1, 5)])
def test_uniform_draws_are_theirs(n_step, space) -> None:
    mine, other = ours.EpisodeReplayBuffer(80), theirs.EpisodeReplayBuffer(80)
    assert isinstance(mine, theirs.EpisodeReplayBuffer)
    episodes = {}
    for number, episode in enumerate(fragments(60, space=space)):
        episodes.setdefault(episode.id_, []).append(episode)
        mine.add(copy.deepcopy(episode))
        other.add(copy.deepcopy(episode))
        for name in (
            "num_episodes",
            "num_timesteps",
            "num_episodes_evicted",
            "num_timesteps_added",
        ):
            if hasattr(other, f"get_{name}"):
                assert getattr(mine, f"get_{name}")() == getattr(other, f"get_{name}")(), name
        assert len(mine) == len(other)
        if number % 10 != 9:
            continue
        samples = []
        for buffer in (mine, other):
            buffer.rng = np.random.default_rng(number)
            samples.append(
                buffer.sample(
                    20, n_step=n_step, gamma=0.9, sample_episodes=True,
                    include_extra_model_outputs=True,
                )
            )  # fmt: skip
        assert len(samples[0]) == 20  # RLlib counts short windows wrong, and may return more
        for got, expected in zip(samples[0], samples[1][:20], strict=True):
            assert isinstance(got, SingleAgentEpisode)
            assert_same_window(got, expected, episodes[got.id_])


def test_batches_of_columns_are_theirs() -> None:
    mine, other = ours.EpisodeReplayBuffer(200), theirs.EpisodeReplayBuffer(200)
    for episode in fragments(40):
        mine.add(copy.deepcopy(episode))
        other.add(copy.deepcopy(episode))
    for shape in ({"batch_size_B": 6, "batch_length_T": 4}, {"num_items": 12}):
        batches = []
        for buffer in (mine, other):
            buffer.rng = np.random.default_rng(1)
            batches.append(buffer.sample(**shape))
        assert same(*batches)


def filled(kind, count=40, **options):
    buffer = getattr(ours, kind)(150, **options)
    for episode in fragments(count):
        buffer.add(episode)
    return buffer


def test_prioritized_draws_follow_the_priorities_and_have_their_rows() -> None:
    episodes = list(fragments(60))
    pieces = {}
    for episode in episodes:
        pieces.setdefault(episode.id_, []).append(episode)
    buffer = ours.PrioritizedEpisodeReplayBuffer(10_000, alpha=0.5)
    assert isinstance(buffer, theirs.PrioritizedEpisodeReplayBuffer)
    for episode in episodes:
        buffer.add(copy.deepcopy(episode))
    raw = {
        id_: (
            [x for e in part for x in e.get_observations()[:-1]] + [part[-1].get_observations(-1)],
            [x for e in part for x in e.get_rewards()],
        )
        for id_, part in pieces.items()
    }
    rng, priorities = np.random.default_rng(2), {}
    for number in range(200):
        buffer.rng = np.random.default_rng(number)
        sample = buffer.sample(16, n_step=2, gamma=0.9, beta=0.7)
        keys = []
        for episode in sample:
            id_, t = episode.id_.rpartition("_")[0], episode.t_started
            obs, rewards = raw[id_]
            assert same(episode.get_observations(), [obs[t], obs[t + 2]])
            assert same(episode.get_rewards(), [rewards[t] + 0.9 * rewards[t + 1]])
            keys.append((id_, t))
        expected = np.array([priorities.get(key, 1.0) for key in keys]) ** 0.5
        weights = np.array([x.get_extra_model_outputs("weights", -1) for x in sample])
        np.testing.assert_allclose(
            weights / weights.max(), (expected / expected.min()) ** -0.7, rtol=1e-4
        )
        given = rng.exponential(size=16).clip(max=1.0)
        buffer.update_priorities(given)
        priorities.update(zip(keys, given, strict=True))


def test_priorities_of_evicted_steps_are_left_aside() -> None:
    buffer = filled("PrioritizedEpisodeReplayBuffer")
    buffer.sample(32)
    for episode in fragments(60, seed=1):
        buffer.add(episode)
    buffer.update_priorities(np.full(32, 1e6))
    total = buffer._sum_segment.total
    assert total <= len(buffer) * 1.0 + 1e-3  # those that were sampled are gone
    with pytest.raises(ValueError, match="expected a number of at least 0"):
        buffer.sample(4, beta=-1.0)


@pytest.mark.parametrize("kind", ["EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"])
@pytest.mark.parametrize("how", ["state", "deepcopy", "pickle"])
def test_copies_hold_the_same_and_go_their_own_way(kind, how) -> None:
    buffer = filled(kind)
    if how == "state":
        twin = getattr(ours, kind)(150)
        twin.set_state(pickle.loads(pickle.dumps(buffer.get_state())))
    else:
        twin = copy.deepcopy(buffer) if how == "deepcopy" else pickle.loads(pickle.dumps(buffer))
    options = {} if "Prioritized" in kind else {"sample_episodes": True}
    samples = []
    for one in (buffer, twin):
        one.rng = np.random.default_rng(0)
        samples.append(one.sample(30, n_step=2, **options))
    # The rows of a state may lie elsewhere, so that a tree finds others by the same numbers.
    if how != "state" or "Prioritized" not in kind:
        assert all(same(transition(x), transition(y)) for x, y in zip(*samples, strict=True))
    for episode in fragments(5, seed=9):
        twin.add(episode)
    assert twin.get_num_timesteps() >= buffer.get_num_timesteps() - 20
    assert len(twin.get_state()["episodes"]) == len(twin.episodes)


@pytest.mark.parametrize("kind", ["EpisodeReplayBuffer", "PrioritizedEpisodeReplayBuffer"])
def test_a_state_of_theirs_is_taken(kind) -> None:
    other, mine = getattr(theirs, kind)(500), getattr(ours, kind)(500)
    for episode in fragments(30):
        other.add(copy.deepcopy(episode))
    mine.set_state(other.get_state())
    assert len(mine) == len(other)
    assert [x.id_ for x in mine.episodes] == [x.id_ for x in other.episodes]
    for one, two in zip(mine.episodes, other.episodes, strict=True):
        assert same(one.get_observations(), two.get_observations())
        assert same(one.get_rewards(), two.get_rewards())


def test_a_fragment_that_does_not_go_on_is_refused_and_an_empty_buffer_too() -> None:
    buffer = ours.EpisodeReplayBuffer(100)
    with pytest.raises(ValueError, match="empty"):
        buffer.sample(3, n_step=1, sample_episodes=True)
    episode = next(iter(fragments(1)))
    buffer.add(episode)
    with pytest.raises(ValueError, match="continues"):
        buffer.add(copy.deepcopy(episode))


@pytest.fixture(scope="module")
def cluster():
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, local_mode=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("algorithm", ["DQN", "SAC"])
def test_algorithms_train_on_it(algorithm) -> None:
    from ray.rllib.algorithms.dqn import DQNConfig

    config, env = (
        (DQNConfig(), "CartPole-v1") if algorithm == "DQN" else (ours.SACConfig(), "Pendulum-v1")
    )
    buffer = {
        "type": "sharpwave.compat.rllib.PrioritizedEpisodeReplayBuffer",
        "capacity": 1000, "alpha": 0.6, "beta": 0.4,
    }  # fmt: skip
    config.environment(env).env_runners(num_env_runners=0).learners(num_learners=0)
    config.training(
        replay_buffer_config=buffer, num_steps_sampled_before_learning_starts=100,
        train_batch_size_per_learner=32, n_step=3,
        learner_connector=lambda *spaces: ours.SampledColumns(),
    )  # fmt: skip
    built = config.build_algo()
    for _ in range(3):
        result = built.train()
    assert isinstance(built.local_replay_buffer, ours.PrioritizedEpisodeReplayBuffer)
    learner = result["learners"]["default_policy"]
    assert np.isfinite(learner["qf_loss_key" if "qf_loss_key" in learner else "qf_loss"])
    built.stop()
