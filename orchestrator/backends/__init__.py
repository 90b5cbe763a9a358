"""The backends: in this process (`inline`), or on Ray (`tune`)."""
