"""Figures and pages of results, without arithmetic of their own: `results` and `compare` do it."""
