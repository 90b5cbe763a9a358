"""`repertoire init`: a first sweep file, with comments, to begin from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import show
from orchestrator.errors import RepertoireError, shell_word

SUFFIXES = (".yaml", ".yml")
FIRST_SWEEP = """\
# What does each way of not forgetting buy on split digits, and what does it cost?
# The digits are scikit-learn's: nothing is downloaded, and a run takes about a minute.
{commands}

# Names the folder of the results: results/first.
name: first

# The stream: five tasks of two digits each. Scenario `class`: which task an image is from must be
# inferred; `task`: it is given; `domain`: it is not needed. Others: repertoire list benchmarks
benchmark: {{name: split_digits, scenario: class, num_tasks: 5}}

# Others: repertoire list networks
network: {{name: mlp, hidden: [128, 128]}}

# The same for all methods; an entry below may change values for itself: training: {{lr: 0.01}}.
training: {{epochs: 5, batch_size: 32, optimizer: adam, lr: 1.0e-3}}

# A trial each. A grid is a trial for each value; a label names the entry in tables and charts.
# Others, with their hyperparameters: repertoire list methods
methods:
  - finetune                                       # learns on and forgets: the lower bound
  - joint                                          # keeps all data: the upper bound
  - {{name: ewc, lam: 1000}}
  - {{name: er, label: replay, memory_size: {{grid: [50, 200]}}}}
  # - {{name: 'mine:MyMethod'}}                      # of your own: mine.py beside this file

# Each trial is run once for each seed; intervals need at least two.
seeds: [0, 1, 2]

# To search hyperparameters, give one a space, such as lam: {{loguniform: [1, 1.0e+5]}}, and:
# search: {{algorithm: random, num_trials: 10, seeds: [100]}}
"""
# Of a sweep file, with what they do.
NEXT_COMMANDS = {
    "repertoire plan {file}": "what would be computed; writes nothing",
    "repertoire run {file}": "compute it; the same command continues after an interruption",
    "repertoire compare results": "the methods in a table",
    "repertoire dashboard results": "in a browser",
}


def init_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The sweep file to write.")] = Path(
        "sweep.yaml"
    ),
) -> None:
    """Write a first sweep file, with comments. Replaces nothing."""
    if file.suffix not in SUFFIXES:
        raise RepertoireError(
            f"{file}: a sweep file is YAML; give it a name that ends with {' or '.join(SUFFIXES)}"
        )
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(first_sweep(file))
    except FileExistsError:
        raise RepertoireError(
            f"{file} is there already and is left as it is; give another name: repertoire init FILE"
        ) from None
    except FileNotFoundError:
        raise RepertoireError(f"{file}: there is no folder {file.parent}; make it first") from None
    show(f"{file} is written. Next: repertoire plan {shell_word(file)}")


def first_sweep(file: Path) -> str:
    """Return the text of a first sweep file, which names the commands that take it."""
    words = {
        command.format(file=shell_word(file)): purpose for command, purpose in NEXT_COMMANDS.items()
    }
    width = max(map(len, words))
    lines = [f"#   {command:{width}}   {purpose}" for command, purpose in words.items()]
    return FIRST_SWEEP.format(commands="\n".join(lines))
