"""A variational autoencoder of images or features, optionally conditional on the label.

Shape legend: B images, D pixels or features, Z latent size, K labels given to the decoder (0:
none), N examples of the first task.

State:
    encoder, code, decoder: the weights of linear layers. Of features alone: centre, spread: [D],
    by which they are standardised; set once, by the first task.

Reference:
    Kingma and Welling 2014, Auto-encoding variational Bayes, ICLR, eq. 10 and appendix C: C.1 of
    pixels, C.2 of features.

Deviations:
    Pixels in [0, 1] are the probabilities of the Bernoulli likelihood, and generated images are the
    decoder's probabilities, not samples from them. Standardised features are Gaussian with a
    variance of 1, which is not learned, and generated features are the decoder's means; values
    farther than 10 from 0 are taken for 10. One sample of the latent per image. Conditional: the
    label is an input of the decoder only.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of standardised features, from 0: one that hardly varied in the first task may be a thousand
# spreads away in a later one, and its squared error would be all that is learned.
FARTHEST = 10.0


class Generator(nn.Module):
    """Encoder D - hidden - 2Z, decoder Z + K - hidden reversed - D, ReLU between."""

    centre: Tensor
    spread: Tensor

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
        self.of_features = len(input_shape) == 1
        if self.of_features:
            self.register_buffer("centre", torch.zeros(input_shape))
            self.register_buffer("spread", torch.ones(input_shape))
        widths = (prod(input_shape), *hidden)
        self.encoder = nn.Sequential(*layers(widths))
        self.code = nn.Linear(widths[-1], 2 * latent_size)
        first, *rest = widths[::-1]
        # Without the last ReLU: the decoder ends in logits.
        self.decoder = nn.Sequential(*layers((latent_size + num_labels, first, *rest))[:-1])

    def standardise(self, x: Tensor) -> None:
        """Set the scale of features to that of examples [N, D]; of images it is known."""
        if not self.of_features:
            return
        spread = x.std(dim=0, correction=0)
        varies = spread > 0
        # A feature that is constant as yet may vary in a later task, by as much as the others.
        others = spread[varies].mean() if varies.any() else spread.new_ones(())
        self.centre.copy_(x.mean(dim=0))
        self.spread.copy_(torch.where(varies, spread, others))

    def loss(self, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
        """Return the negative evidence lower bound in nats, mean over images.

        That of features is without its constant, D/2 log 2 pi and the logarithms of the spread.

        Args:
            x: uint8 images [B, c, h, w], or floats in [0, 1]; or float features [B, D].
            y: labels [B]; ignored unless conditional.
            noise: standard normal [B, Z].
        """
        values = self.encoder_input(x)
        mean, log_variance = self.code(self.encoder(values)).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * noise
        output = self.decoder(self.decoder_input(z, y))
        if self.of_features:
            error = 0.5 * F.mse_loss(output, values, reduction="sum")
        else:
            error = F.binary_cross_entropy_with_logits(output, values, reduction="sum")
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return cast(Tensor, (error + divergence) / len(x))

    def draw_loss(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        """Return `loss` with noise drawn from a random generator."""
        return self.loss(x, y, self.noise(len(x), generator))

    @torch.no_grad()
    def draw(self, y: Tensor, noise: Tensor) -> Tensor:
        """Return images [B, c, h, w] in [0, 1], or features [B, D].

        If conditional, they are of the classes y [B].
        """
        output = cast(Tensor, self.decoder(self.decoder_input(noise, y)))
        if self.of_features:
            return self.centre + self.spread * output
        return output.sigmoid().view(-1, *self.input_shape)

    def noise(self, count: int, generator: torch.Generator) -> Tensor:
        """Return standard normal latents [count, Z] on the device of the weights."""
        # Drawn on the CPU, so that a GPU replays the same images up to rounding.
        noise = torch.randn((count, self.latent_size), generator=generator)
        return noise.to(self.code.weight.device, non_blocking=True)

    def encoder_input(self, x: Tensor) -> Tensor:
        """Return pixels in [0, 1], or standardised features in [-10, 10], [B, D]."""
        if self.of_features:
            return ((x - self.centre) / self.spread).clamp(-FARTHEST, FARTHEST)
        return (x if x.is_floating_point() else x / 255).flatten(1)

    def decoder_input(self, z: Tensor, y: Tensor) -> Tensor:
        """Return the latent, with the one-hot label appended if conditional."""
        if self.num_labels == 0:
            return z
        label = z.new_zeros((len(y), self.num_labels)).scatter_(1, y.unsqueeze(1), 1)
        return torch.cat((z, label), dim=1)


def layers(widths: tuple[int, ...]) -> list[nn.Module]:
    """Return linear layers between consecutive widths, each followed by ReLU."""
    return [m for wide in pairwise(widths) for m in (nn.Linear(*wide), nn.ReLU())]
