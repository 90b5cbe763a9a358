"""The pages of the dashboard, each a function of a `View`; charts are drawn by `charts`."""
