"""Searching hyperparameters: candidates are drawn, raced and ranked on validation data alone."""
