"""A variational autoencoder of images, optionally conditional on the label.

Shape legend: B images, D pixels, Z latent size, K labels given to the decoder (0: none).

State:
    encoder, code, decoder: the weights of linear layers.

Reference:
    Kingma and Welling 2014, Auto-encoding variational Bayes, ICLR, eq. 10 and appendix C.1.

Deviations:
    Pixels in [0, 1] are the probabilities of the Bernoulli likelihood, and generated images are the
    decoder's probabilities, not samples from them. One sample of the latent per image. Conditional:
    the label is an input of the decoder only.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Generator(nn.Module):
    """Encoder D - hidden - 2Z, decoder Z + K - hidden reversed - D, ReLU between."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: tuple[int, ...],
        latent_size: int,
        num_labels: int = 0,
    ) -> None:
        super().__init__()
        self.input_shape, self.latent_size = input_shape, latent_size
        self.num_labels = num_labels
        widths = (prod(input_shape), *hidden)
        self.encoder = nn.Sequential(*layers(widths))
        self.code = nn.Linear(widths[-1], 2 * latent_size)
        first, *rest = widths[::-1]
        # Without the last ReLU: the decoder ends in logits.
        self.decoder = nn.Sequential(*layers((latent_size + num_labels, first, *rest))[:-1])

    def loss(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """Return the negative evidence lower bound in nats, mean over images.

        Args:
            x: uint8 images [B, c, h, w], or floats in [0, 1].
            y: labels [B]; ignored unless conditional.
            noise: standard normal [B, Z].
        """
        pixels = (x if x.is_floating_point() else x / 255).flatten(1)
        mean, log_variance = self.code(self.encoder(pixels)).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.decoder(self.decoder_input(z, y))
        error = F.binary_cross_entropy_with_logits(logits, pixels, reduction="sum")
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return cast(Tensor, (error + divergence) / len(x))

    def draw_loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Return `loss` with noise drawn from a random generator."""
        return self.loss(x, y, self.noise(len(x), generator))

    @torch.no_grad()
    def draw(self, y: Tensor, noise: Tensor) -> Tensor:
        """Return images [B, c, h, w] in [0, 1]; if conditional, of the classes y [B]."""
        logits = cast(Tensor, self.decoder(self.decoder_input(noise, y)))
        return logits.sigmoid().view(-1, *self.input_shape)

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Return standard normal latents [count, Z] on the device of the weights."""
        # Drawn on the CPU, so that a GPU replays the same images up to rounding.
        noise = torch.randn((count, self.latent_size), generator=generator)
        return noise.to(self.code.weight.device, non_blocking=True)

    def decoder_input(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the latent, with the one-hot label appended if conditional."""
        if self.num_labels == 0:
            return z
        label = z.new_zeros((len(y), self.num_labels)).scatter_(1, y.unsqueeze(1), 1)
        return torch.cat((z, label), dim=1)


def layers(widths: tuple[int, ...]) -> list[nn.Module]:
    """Return linear layers between consecutive widths, each followed by ReLU."""
    return [m for wide in pairwise(widths) for m in (nn.Linear(*wide), nn.ReLU())]
