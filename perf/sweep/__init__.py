"""A sweep on a local Ray against plain Ray Tune: `python -m perf.sweep`."""
