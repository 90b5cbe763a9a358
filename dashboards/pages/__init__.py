"""The pages of the dashboard, each a function of a `Page`; charts are drawn by `charts`.

May import `page.py`, `charts`, `data`, captions of `report`, and the orchestrator below `cli`.
Begin with `app.py`, then `leaderboard.py`.
"""
