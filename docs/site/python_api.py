"""The reference of Python: what is public, as directives that mkdocstrings replaces."""

from __future__ import annotations

import orchestrator

INTRODUCTION = """\
# Python

The names of `orchestrator.__all__`, which stay; [From Python](../python.md) has examples.

"""
# What a class of the user's own extends.
BASES = (
    "methods.base.Method",
    "methods.hooks.TrainingHooks",
    "methods.views.TaskView",
    "methods.views.Outlook",
    "methods.views.Setting",
    "methods.examples.Examples",
    "methods.base.Config",
    "methods.base.neutral",
    "methods.testing.assert_conforms",
    "orchestrator.networks.base.Network",
    "orchestrator.networks.base.NetworkConfig",
)


def python_page() -> str:
    """Return the page on the public names."""
    names = [f"{orchestrator.PLACES[name]}.{name}" for name in orchestrator.__all__]
    return (
        f"{INTRODUCTION}## `orchestrator`\n\n{directives(names)}\n"
        "## Methods and networks of your own\n\n"
        "What a class of your own extends, and is given"
        " ([A method in fifteen minutes](../contributing.md#a-method-in-fifteen-minutes)).\n\n"
        f"{directives(BASES)}\n## `orchestrator.tune`\n\n"
        "[A Tuner of your own](../tune.md) has examples.\n\n"
        f"{directives(['orchestrator.tune.trainable'])}"
    )


def directives(names: list[str] | tuple[str, ...]) -> str:
    """Return what mkdocstrings replaces by the documentation of some objects."""
    return "".join(f"::: {name}\n\n" for name in names)
