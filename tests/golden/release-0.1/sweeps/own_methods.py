"""Methods of a user's own."""

from dataclasses import dataclass

from own_losses import scaled

from methods.base import Config, Method


class Scaled(Method):
    """Learn from a scaled loss."""

    @dataclass(frozen=True, kw_only=True)
    class Config(Config):
        """How much of the loss is learned from."""

        scale: float = 1.0

    def loss(self, batch):
        """Return the scaled loss."""
        return scaled(super().loss(batch), self.config.scale)


class Stumbles(Method):
    """Fail on the second task."""

    def begin_task(self, task):
        """Raise where the second task begins."""
        if task.index == 2:
            raise ValueError("the second task is too much")
