"""A variational autoencoder that learns to draw images like those it is shown.

Shape legend: B images, D pixels, Z latent size, K labels the decoder is told (0: none).

State:
    encoder, code, decoder: the weights of linear layers; they change only where the generator is
    trained.

Reference:
    Kingma and Welling 2014, Auto-encoding variational Bayes, ICLR, eq. 10 and appendix C.1.

Deviations:
    Pixels in [0, 1] are taken as probabilities in the Bernoulli likelihood, and the decoder's
    probabilities, not samples of them, are the images drawn. One sample of the latent per image.
    Conditional: only the decoder is told the label, the encoder sees it in the image.
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
        input_shape: tuple[int, int, int],
        hidden: tuple[int, ...],
        latent_size: int,
        num_labels: int = 0,
    ) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.latent_size = latent_size
        self.num_labels = num_labels
        widths = (prod(input_shape), *hidden)
        self.encoder = nn.Sequential(*layers(widths))
        self.code = nn.Linear(widths[-1], 2 * latent_size)
        first, *rest = widths[::-1]
        self.decoder = nn.Sequential(*layers((latent_size + num_labels, first, *rest))[:-1])

    def loss(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """Return minus the evidence lower bound in nats, mean over images.

        Args:
            x: uint8 images [B, c, h, w], or floats in [0, 1].
            y: labels [B], unused without labels.
            noise: standard normal [B, Z].
        """
        pixels = (x if x.is_floating_point() else x / 255).flatten(1)
        mean, log_variance = self.code(self.encoder(pixels)).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.decoder(self.told(z, y))
        error = F.binary_cross_entropy_with_logits(logits, pixels, reduction="sum")
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return cast(Tensor, (error + divergence) / len(x))

    @torch.no_grad()
    def draw(self, y: Tensor, noise: Tensor) -> Tensor:
        """Return images [B, c, h, w] in [0, 1]; with labels, of those in y [B]."""
        logits = cast(Tensor, self.decoder(self.told(noise, y)))
        return logits.sigmoid().view(-1, *self.input_shape)

    def told(self, z: Tensor, y: Tensor) -> Tensor:
        """Return what the decoder is given: the latent, and the label if it is conditional."""
        if self.num_labels == 0:
            return z
        label = z.new_zeros((len(y), self.num_labels)).scatter_(1, y.unsqueeze(1), 1)
        return torch.cat((z, label), dim=1)


def layers(widths: tuple[int, ...]) -> list[nn.Module]:
    """Return linear layers of some widths, each followed by ReLU."""
    return [m for wide in pairwise(widths) for m in (nn.Linear(*wide), nn.ReLU())]
