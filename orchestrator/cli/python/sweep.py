"""A sweep in Python: from keyword arguments, a dict or a file; planned, run and shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, Unpack

from orchestrator.cli.python.check_arguments import check_arguments
from orchestrator.cli.python.plain_data import PlainData
from orchestrator.cli.python.results import Results
from orchestrator.cli.python.running import RunArguments, run_here
from orchestrator.cli.python.sections import Sections
from orchestrator.cli.python.sweep_plan import SweepPlan, plan_here
from orchestrator.errors import SweepError
from orchestrator.sweep import sweep as checked
from orchestrator.sweep.reading.yaml_file import read_yaml_text, require_mapping, write_yaml
from orchestrator.terminal.html_table import html_table
from orchestrator.terminal.sweep_page import sweep_block


class Sweep:
    """A sweep: what a sweep file is, made in Python.

    The sections have the names and forms of the file, and the same checks. A class or a function of
    a file of your own can stand where the file has its name:

        sweep = Sweep(
            name="mine",
            benchmark={"name": "split_digits", "scenario": "class", "num_tasks": 5},
            methods=["finetune", {"name": MyMethod, "lam": {"grid": [1, 10]}}],
            seeds=range(3),
        )
        results = sweep.run("results")

    Args:
        folder: what paths are relative to, and where the user's own code is looked for first, as
            for a file in that folder; by default the current one.
        sections: the top level of a sweep file.

    Attributes:
        spec: the checked sweep, as the command line reads it.

    Raises:
        SweepError: with all mistakes, each with its place, what is given and what is valid.
    """

    spec: checked.Sweep

    @check_arguments
    def __init__(self, *, folder: str | Path = ".", **sections: Unpack[Sections]) -> None:
        self.spec = read_sections(dict(sections), Path(folder))

    @classmethod
    @check_arguments
    def from_dict(cls, content: Mapping[str, Any], folder: str | Path = ".") -> Self:
        """Return the sweep of a dict of sections; see the class.

        Raises:
            SweepError: with all mistakes.
        """
        return cls._wrap(read_sections(content, Path(folder)))

    @classmethod
    @check_arguments
    def from_file(cls, path: str | Path) -> Self:
        """Return the sweep of a YAML file.

        Raises:
            SweepError: with all mistakes of the file.
        """
        return cls._wrap(checked.Sweep.load(path))

    @classmethod
    def _wrap(cls, spec: checked.Sweep) -> Self:
        sweep = cls.__new__(cls)
        sweep.spec = spec
        return sweep

    @property
    def name(self) -> str:
        """The name, which is that of the folder of its tables too."""
        return self.spec.name

    @property
    def text(self) -> str:
        """The sweep file: run with `repertoire run`, it gives the same stages and results."""
        return self.spec.text

    @check_arguments
    def plan(self, out: str | Path = "results", *, store: str | Path | None = None) -> SweepPlan:
        """Return the plan of a run, as `repertoire plan` shows it; nothing is written.

        Args:
            out: the results folder; a path, or an address such as s3://bucket/results.
            store: path or URI of the stage store; None: the one in `out`.
        """
        return plan_here(self.spec, out, store)

    @check_arguments
    def run(  # noqa: PLR0913 - the options of a command
        self,
        out: str | Path = "results",
        *,
        backend: str = "ray",
        store: str | Path | None = None,
        address: str | None = None,
        replace: bool = False,
        until: str | None = None,
        trackers: str | Sequence[str] = (),
    ) -> Results:
        """Compute the stages that the store lacks, as `repertoire run` does; return the results.

        A trial that fails raises nothing: a line says why, and its rows have its story. The first
        interruption (Ctrl-C, or a notebook's stop button) finishes the stages that run and returns
        what there is; the second stops at once. The same call continues, whatever ended it.

        Args:
            out: the results folder; a path, or an address such as s3://bucket/results.
            backend: "ray", or "inline": in this process, one stage at a time.
            store: path or URI of the stage store; None: the one in `out`.
            address: of a running Ray cluster; None starts Ray on this machine.
            replace: set tables of another sweep of the same name aside.
            until: start no stage that would not end by then: "18:30", or "2h30m".
            trackers: your own trackers beside MLflow's, "module:Class".

        Raises:
            RepertoireError: the sweep cannot be run so; nothing is lost.
        """
        arguments = RunArguments(backend, store, address, replace, until, trackers)
        return run_here(self.spec, out, arguments)

    def __repr__(self) -> str:
        num = len(self.spec.groups)
        searched = f", {num} search{'es' if num > 1 else ''}" if num else ""
        seeds = ", ".join(map(str, self.spec.seeds))
        trials = len(self.spec.trials)
        plural = "" if trials == 1 else "s"
        return f"Sweep {self.name!r}: {trials} trial{plural}{searched}, seeds {seeds}"

    def _repr_html_(self) -> str:
        content = require_mapping(read_yaml_text(self.text, self.name), self.name)
        return html_table([sweep_block(repr(self), content)], self.spec.remarks)


def read_sections(content: Mapping[str, Any], folder: Path) -> checked.Sweep:
    """Return the checked sweep of sections, through the text of a sweep file.

    Raises:
        SweepError: with all mistakes.
    """
    name = content.get("name") if isinstance(content, Mapping) else None
    where = f"sweep {name!r}" if isinstance(name, str) else "sweep"
    folder = folder.expanduser().resolve()
    if not os.path.isdir(folder):
        what = "paths are relative to it, and your own code is looked for in it first"
        raise SweepError(where, [f"folder: there is no folder {folder}; {what}"])
    data = PlainData(folder)
    try:
        plain = require_mapping(data.convert(content), where)
        if data.mistakes:
            raise SweepError(where, data.mistakes)
        text = write_yaml(plain)
    except RecursionError:
        raise SweepError(where, ["nested too deeply, or a value holds itself"]) from None
    # Through text, as a run reads it from the results folder later: both give the same sweep.
    return checked.Sweep.read(read_yaml_text(text, where), text, where, folder)
