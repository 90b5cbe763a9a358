"""The variational autoencoder: its bound, its images, its size."""

from __future__ import annotations

from math import log, pi

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


def features(count=6):
    """Three features: of a spread of 100, of one of 0.01, and one that is constant."""
    noise = torch.randn((count, 3), generator=stream(0, "features"))
    return noise * torch.tensor([100.0, 0.01, 0.0]) + torch.tensor([7.0, -3.0, 5.0])


def feature_generator(**options):
    result = Generator((3,), **{"hidden": (8,), "latent_size": 3, **options})
    reinitialise(result, stream(0, "generator"))
    return result


def test_features_are_standardised_by_the_examples_that_a_generator_begins_with():
    vae, x = feature_generator(), features()
    vae.standardise(x)
    spread = x[:, :2].std(dim=0, correction=0)
    assert torch.allclose(vae.centre, x.mean(dim=0))
    # What is constant is as wide as the others in the mean.
    assert torch.allclose(vae.spread, torch.stack((*spread, spread.mean())))
    values = vae.encoder_input(x)
    assert torch.allclose(values.mean(dim=0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(values.square().mean(dim=0), torch.tensor([1.0, 1, 0]), atol=1e-4)
    alike = feature_generator()
    alike.load_state_dict(vae.state_dict())
    assert torch.equal(alike.draw(torch.arange(6), noise()), vae.draw(torch.arange(6), noise()))


def test_the_loss_of_features_is_that_of_gaussians_of_variance_one_but_for_a_constant():
    vae, x = feature_generator(), features()
    vae.standardise(x)
    values = (x - vae.centre) / vae.spread
    mean, log_variance = vae.code(vae.encoder(values)).split(3, dim=1)
    spread = (log_variance / 2).exp()
    likelihood = Normal(vae.decoder(mean + spread * noise()), 1.0).log_prob(values).sum(dim=1)
    divergence = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).sum(dim=1)
    expected = (divergence - likelihood).mean() - 3 / 2 * log(2 * pi)
    assert torch.allclose(vae.loss(x, torch.zeros(6), noise()), expected, rtol=1e-5)


def test_a_feature_that_hardly_varied_at_first_is_never_far_from_the_others():
    vae, x = feature_generator(), features()
    vae.standardise(x)
    far, near = (vae.centre + distance * vae.spread for distance in (-1000, 9))
    values = vae.encoder_input(torch.stack((far, near)))
    assert torch.allclose(values, torch.tensor([[-10.0] * 3, [9.0] * 3]), rtol=1e-2)
    # The error of a feature is at most that of one at 10.
    vae.decoder[-1].weight.data.zero_()
    vae.decoder[-1].bias.data.zero_()
    loss = vae.loss(far.unsqueeze(0), torch.zeros(1), noise()[:1])
    mean, log_variance = vae.code(vae.encoder(values[:1])).split(3, dim=1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    assert torch.allclose(loss, 0.5 * 3 * 10.0**2 + divergence, rtol=1e-2)


def test_a_generator_of_images_has_no_scale_to_set():
    vae = generator()
    before = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    vae.standardise(examples().x)
    assert before.keys() == vae.state_dict().keys()
    assert not before.keys() & {"centre", "spread"}


def test_features_drawn_have_the_means_of_classes_on_their_own_scale():
    vae = feature_generator(num_labels=2, hidden=(32,))
    y = torch.arange(2).repeat(20)
    x = features(40) + torch.outer(y.float(), torch.tensor([500.0, 0.05, 0.0]))
    vae.standardise(x)
    optimizer, draws = torch.optim.Adam(vae.parameters(), lr=0.01), stream(0, "training")
    for _ in range(200):
        optimizer.zero_grad()
        vae.draw_loss(x, y, draws).backward()
        optimizer.step()
    values = vae.draw(y, torch.randn((40, 3), generator=draws))
    for label in (0, 1):
        gap = values[y == label].mean(dim=0) - x[y == label].mean(dim=0)
        assert (gap / vae.spread).abs().max() < 0.3


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
