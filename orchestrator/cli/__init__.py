"""The command line, the only place that prints or exits.

May import every other package of the orchestrator. Begin with `app.py`, a function a command;
`run.py` is `repertoire run` from the sweep file to the last line on the screen.
"""

from orchestrator.cli.app import main as main
