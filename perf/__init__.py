"""Measurements of speed: each module prints a ratio to a rival that runs in the same process."""
