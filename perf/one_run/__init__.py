"""One run against named rivals: `python -m perf.one_run`."""
