"""The report: results as one self-contained HTML page, with a caption in numbers per chart.

May import `charts`, `data` and `figures` beside it, and the orchestrator below `cli`. Begin with
`page.py`.
"""
