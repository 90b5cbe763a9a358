"""The variational autoencoder: its bound, its images, its size."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from methods.base import Examples
from methods.parts.generator import Generator
from methods.parts.initialisation import reinitialise
from orchestrator.seeding import stream

IMAGE = (1, 4, 4)


def generator(num_labels=0, hidden=(12, 8), latent_size=3):
    result = Generator(IMAGE, hidden, latent_size, num_labels)
    reinitialise(result, stream(0, "generator"))
    return result


def examples(count=6):
    x = torch.rand((count, *IMAGE), generator=stream(0, "images"))
    return Examples(x, torch.arange(count) % 5)


def noise(count=6, size=3):
    return torch.randn((count, size), generator=stream(0, "noise"))


def test_the_loss_is_minus_the_evidence_lower_bound():
    vae, batch = generator(), examples()
    pixels = batch.x.flatten(1)
    mean, log_variance = vae.code(vae.encoder(pixels)).split(3, dim=1)
    spread = (log_variance / 2).exp()
    p = vae.decoder(mean + spread * noise()).sigmoid()
    likelihood = (pixels * p.log() + (1 - pixels) * (1 - p).log()).sum(dim=1)
    divergence = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).sum(dim=1)
    expected = (divergence - likelihood).mean()
    assert torch.allclose(vae.loss(batch.x, batch.y, noise()), expected, rtol=1e-5)


def test_a_generator_that_knows_nothing_pays_log_two_a_pixel():
    vae, batch = generator(), examples()
    with torch.no_grad():
        for p in vae.parameters():
            p.zero_()
    assert vae.loss(batch.x, batch.y, noise()).item() == pytest.approx(16 * log(2))


def test_bytes_are_read_as_pixels():
    vae, batch = generator(), examples()
    x = (batch.x * 255).round()
    actual = vae.loss(x.to(torch.uint8), batch.y, noise())
    assert torch.allclose(actual, vae.loss(x / 255, batch.y, noise()))


@pytest.mark.parametrize("num_labels", [0, 5])
def test_images_drawn_are_pixels_of_the_right_shape(num_labels):
    values = generator(num_labels).draw(examples().y, noise())
    assert values.shape == (6, *IMAGE)
    assert not values.requires_grad
    assert ((values > 0) & (values < 1)).all()


def test_only_a_conditional_generator_listens_to_labels():
    y = torch.zeros(6, dtype=torch.int64)
    plain, conditional = generator(), generator(num_labels=5)
    assert torch.equal(plain.draw(y, noise()), plain.draw(y + 1, noise()))
    assert not torch.allclose(conditional.draw(y, noise()), conditional.draw(y + 1, noise()))


@pytest.mark.parametrize("num_labels", [0, 5])
def test_parameters_are_counted_by_formula(num_labels):
    # 16-12-8-(2x3), (3+K)-8-12-16.
    encoder = 16 * 12 + 12 + 12 * 8 + 8 + 8 * 6 + 6
    decoder = (3 + num_labels) * 8 + 8 + 8 * 12 + 12 + 12 * 16 + 16
    assert sum(p.numel() for p in generator(num_labels).parameters()) == encoder + decoder


def test_it_learns_to_draw_what_it_is_shown():
    vae = generator(num_labels=2, hidden=(32,))
    x = torch.stack((torch.full(IMAGE, 0.05), torch.full(IMAGE, 0.95))).repeat(20, 1, 1, 1)
    y = torch.arange(2).repeat(20)
    optimizer, draws = torch.optim.Adam(vae.parameters(), lr=0.01), stream(0, "training")
    for _ in range(150):
        optimizer.zero_grad()
        vae.loss(x, y, torch.randn((40, 3), generator=draws)).backward()
        optimizer.step()
    values = vae.draw(y[:6], noise()).mean(dim=(1, 2, 3))
    assert torch.allclose(values, x[:6].mean(dim=(1, 2, 3)), atol=0.08)
