"""Encoders: what becomes of an image, and how large it is then."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

pytest.importorskip("torch")

import torch

from sharpwave.agents import DQN, DQNConfig, q_network
from sharpwave.agents.encoders import CONVOLUTIONS, Flatten, Images, OneHot, encoder

ATARI = spaces.Box(0, 255, (4, 84, 84), np.uint8)
MINATAR = spaces.Box(0, 1, (10, 10, 4), np.bool_)


def image(*shape: int, dtype: Any = np.uint8) -> spaces.Box:
    return spaces.Box(0, 1 if dtype is np.bool_ else 255, shape, dtype)


def samples(space: spaces.Space, count: int = 3) -> torch.Tensor:
    space.seed(0)
    return torch.as_tensor(np.stack([space.sample() for _ in range(count)]))


class Seen(torch.nn.Module):
    """Stands where the convolutions are, and keeps what comes to them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.x = x
        return x


def what_convolutions_see(space: spaces.Box, obs: torch.Tensor) -> torch.Tensor:
    images = encoder(space)
    assert isinstance(images, Images)
    images.layers = Seen()
    images(obs)
    return images.layers.x


# --- which it is


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        (ATARI, Images),
        (MINATAR, Images),
        (image(84, 84, 3), Images),
        (image(7, 7, 3), Images),
        (spaces.Box(0, 1, (4, 84, 84), np.float32), Flatten),
        (spaces.Box(0, 255, (84, 84), np.uint8), Flatten),
        (spaces.Box(0, 255, (4, 84, 84, 3), np.uint8), Flatten),
        (spaces.Box(-1, 1, (3,), np.float64), Flatten),
        (spaces.Discrete(4), OneHot),
    ],
    ids=str,
)
def test_images_are_three_axes_of_bytes_or_bits(space, kind) -> None:
    assert type(encoder(space)) is kind


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 3]), spaces.Tuple([ATARI])], ids=str)
def test_what_is_not_served_is_said_and_what_to_do(space) -> None:
    with pytest.raises(ValueError, match=r"expected Box or Discrete, got .*FlattenObservation"):
        encoder(space)


# --- what the convolutions see


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((4, 84, 84), (4, 84, 84)),
        ((84, 84, 4), (4, 84, 84)),
        ((3, 40, 60), (3, 40, 60)),
        ((40, 60, 3), (3, 40, 60)),
        ((1, 84, 84), (1, 84, 84)),
        ((84, 84, 1), (1, 84, 84)),
        ((10, 10, 10), (10, 10, 10)),
    ],
    ids=str,
)
def test_channels_are_the_shorter_of_the_first_and_the_last_axis(shape, seen) -> None:
    space = image(*shape)
    obs = samples(space)
    actual = what_convolutions_see(space, obs)
    assert tuple(actual.shape) == (3, *seen)
    # of equal ones the last, as MinAtar has it
    first = shape[0] < shape[2]
    expected = obs if first else obs.movedim(3, 1)
    torch.testing.assert_close(actual, expected / 255)


def test_bytes_are_scaled_to_one_and_bits_left() -> None:
    bytes_ = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(1, 3, 40, 40)
    seen = what_convolutions_see(image(3, 40, 40), bytes_)
    assert seen.dtype == torch.float32
    assert seen[0, :, 0, 0].tolist() == pytest.approx([0.0, 0.2, 1.0])
    bits = torch.tensor([False, True]).reshape(1, 1, 1, 2).expand(1, 10, 10, 2)
    seen = what_convolutions_see(image(10, 10, 2, dtype=np.bool_), bits)
    assert (seen.dtype, seen[0, :, 0, 0].tolist()) == (torch.float32, [0.0, 1.0])


def test_the_same_image_with_its_channels_elsewhere_is_encoded_alike() -> None:
    first, last = encoder(image(3, 48, 64)), encoder(image(48, 64, 3))
    last.load_state_dict(first.state_dict())
    obs = samples(image(3, 48, 64))
    torch.testing.assert_close(first(obs), last(obs.movedim(1, 3)))


def test_the_observation_is_left_as_it_is() -> None:
    obs = samples(ATARI)
    before = obs.clone()
    encoder(ATARI)(obs)
    assert torch.equal(obs, before)


# --- sizes


@pytest.mark.parametrize(
    ("name", "shape", "size"),
    [
        ("nature", (4, 84, 84), 64 * 7 * 7),  # Mnih et al. 2015, methods
        ("nature", (84, 84, 1), 64 * 7 * 7),
        ("nature", (3, 36, 36), 64),
        ("nature", (3, 64, 96), 64 * 4 * 8),
        ("impala", (4, 84, 84), 32 * 11 * 11),  # Espeholt et al. 2018, Figure 3
        ("impala", (64, 64, 3), 32 * 8 * 8),
        ("impala", (10, 10, 4), 32 * 2 * 2),
        ("minatar", (10, 10, 4), 16 * 8 * 8),  # Young & Tian 2019
        ("minatar", (10, 10, 10), 16 * 8 * 8),
        ("minatar", (7, 7, 3), 16 * 5 * 5),
    ],
)
def test_features_are_as_many_as_the_papers_have(name, shape, size) -> None:
    images = encoder(image(*shape), name)
    assert images.size == size
    assert tuple(images(samples(image(*shape), 2)).shape) == (2, size)


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_weights_are_as_many_as_the_papers_have() -> None:
    nature = (8 * 8 * 4 + 1) * 32 + (4 * 4 * 32 + 1) * 64 + (3 * 3 * 64 + 1) * 64
    assert parameters(encoder(ATARI, "nature")) == nature
    stages = zip((4, 16, 32), (16, 32, 32), strict=True)
    impala = sum((9 * i + 1) * o + 4 * (9 * o + 1) * o for i, o in stages)
    assert parameters(encoder(ATARI, "impala")) == impala
    assert parameters(encoder(MINATAR, "minatar")) == (9 * 4 + 1) * 16


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_features_end_in_relu_and_have_gradients_everywhere(name) -> None:
    images = encoder(ATARI, name)
    features = images(samples(ATARI, 2))
    assert features.min() == 0
    assert features.max() > 0
    features.sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in images.parameters())


def test_impala_adds_what_its_blocks_find_to_what_they_were_given() -> None:
    images = encoder(ATARI, "impala")
    obs = samples(ATARI, 2)
    with torch.no_grad():
        for name, parameter in images.named_parameters():
            if ".second." in name:
                parameter.zero_()
    layers = [m for m in images.layers if type(m).__name__ != "_Residual"]
    expected = torch.nn.Sequential(*layers)(obs / 255).flatten(1)
    torch.testing.assert_close(images(obs), expected)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((4, 84, 84), "nature"),
        ((36, 36, 3), "nature"),
        ((35, 35, 3), "minatar"),
        ((10, 10, 4), "minatar"),
        ((3, 100, 35), "minatar"),
    ],
    ids=str,
)
def test_unless_one_is_asked_for_the_size_chooses(shape, expected) -> None:
    chosen = [str(layer) for layer in encoder(image(*shape)).layers]
    assert chosen == [str(layer) for layer in encoder(image(*shape), expected).layers]


# --- settings, and agents


@pytest.mark.parametrize("name", ["natur", "", "Nature", 3])
def test_convolutions_that_do_not_exist_are_refused_with_those_that_do(name) -> None:
    with pytest.raises(
        ValueError, match=r"^convolutions: expected one of nature, impala, minatar, got"
    ):
        DQNConfig(convolutions=name)


@pytest.mark.parametrize("name", [None, *CONVOLUTIONS])
def test_every_name_is_a_setting(name) -> None:
    config = DQNConfig(convolutions=name, hidden=(8,))
    space = ATARI if name != "minatar" else MINATAR
    network = DQN(space, spaces.Discrete(2), config).online
    chosen = name or "nature"
    assert network.encoder.size == encoder(space, chosen).size
    assert dataclasses.replace(config, batch_size=2).convolutions == name


@pytest.mark.parametrize("dueling", [False, True])
@pytest.mark.parametrize("distribution", ["none", "c51", "qr", "iqn"])
@pytest.mark.parametrize("space", [MINATAR, image(10, 10, 10)], ids=str)
def test_one_image_has_the_values_that_it_has_in_a_batch(space, distribution, dueling) -> None:
    config = DQNConfig(hidden=(16,), distribution=distribution, dueling=dueling)
    agent, obs = DQN(space, spaces.Discrete(6), config), samples(space, 20).numpy()
    together = agent._values.batch(obs, noisy=False)
    assert together.shape == (20, 6)
    assert together.std(0).min() > 0
    for image_, expected in zip(obs, together, strict=True):
        actual = agent._values.one(image_, noisy=False)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    assert [agent.act(o) for o in obs] == agent.act(obs).tolist() == together.argmax(1).tolist()


def test_convolutions_come_before_the_hidden_layers() -> None:
    network = q_network(ATARI, 3, (16,))
    assert network.advantage.layers[0].in_features == network.encoder.size == 64 * 7 * 7
