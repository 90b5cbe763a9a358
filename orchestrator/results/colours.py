"""The colours of accuracies, and black or white for the text on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

# Cividis looks the same with red-green colour blindness, and keeps its order in grey.
COLOUR_MAP = "cividis"

Rgb = tuple[int, int, int]


def colour_scale(steps: int = 32) -> list[tuple[float, str]]:
    """Return the colours from accuracy 0 to 1, as pairs of accuracy and `#rrggbb`."""
    return [(at / steps, hex_text(accuracy_colour(at / steps))) for at in range(steps + 1)]


def accuracy_colour(accuracy: float) -> Rgb:
    """Return the colour of an accuracy, 0 to 1."""
    colour = _colour_map()(float(np.clip(accuracy, 0, 1)))
    red, green, blue = (round(255 * part) for part in colour[:3])
    return red, green, blue


# Once, since matplotlib returns a copy of the map each time.
@cache
def _colour_map() -> Colormap:
    from matplotlib import colormaps  # slow to import, and tables need no colours

    return colormaps[COLOUR_MAP]


@cache
def text_colour(background: Rgb) -> Rgb:
    """Return black or white, whichever has more contrast with a background."""
    black, white = (0, 0, 0), (255, 255, 255)
    return max((black, white), key=lambda ink: contrast_ratio(ink, background))


def contrast_ratio(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of two colours, 1 to 21; small text needs 4.5.

    Reference: W3C, Web Content Accessibility Guidelines 2.1, contrast ratio.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def hex_text(colour: Rgb) -> str:
    """Return a colour as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _luminance(colour: Rgb) -> float:
    # sRGB to linear light, and the weights of red, green and blue in WCAG 2.1.
    parts = [c / 255 for c in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
