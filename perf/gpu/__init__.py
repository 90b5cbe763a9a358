"""What a GPU is worth to a stage: see `python -m perf.gpu --help`."""
