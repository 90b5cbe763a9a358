"""Figures and pages of results. No arithmetic of their own: they read what `results` and `compare` say."""
