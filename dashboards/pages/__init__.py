"""The pages of the dashboard, each a function of a `View`; charts are drawn by `charts`.

May import `view.py`, `charts` and `data`, and the orchestrator below `cli`. Begin with `app.py`,
then `leaderboard.py`.
"""
