"""What is measured, and against what: each prints a ratio against a named rival in the same run."""
