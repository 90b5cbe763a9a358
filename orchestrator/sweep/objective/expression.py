"""Arithmetic on the figures a search may rank by, read from text.

An expression becomes closures over floats. Python's own evaluation is not used, so it can neither
reach an object nor build an integer that never ends.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from orchestrator.columns import METRICS, REPEATABLE
from orchestrator.errors import suggest
from orchestrator.sweep.objective.arithmetic import (
    ARITHMETIC,
    GRAMMAR,
    OPERATORS,
    SIGNS,
    UNARY_FUNCTIONS,
    VARIADIC_FUNCTIONS,
)

Term = Callable[[Mapping[str, float]], float]

QUALITIES = METRICS
RANKED_COSTS = REPEATABLE
OBJECTIVE_NAMES = (*QUALITIES, *RANKED_COSTS)
SYNONYMS = {
    **dict.fromkeys(("accuracy", "avg_acc", "average_accuracy", "val_accuracy"), "acc"),
    "backward_transfer": "bwt",
    "forward_transfer": "fwt",
    "compute_flops": "train_flops",
}
LONGEST = 300  # characters: more than a rule that can be explained


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        term: its value given the figures; raises ValueError, ZeroDivisionError or OverflowError
            where arithmetic does.
        names: the figures it uses, in the order of OBJECTIVE_NAMES.
        mistakes: each in a line; `term` is valid only if there is none.
    """

    term: Term
    names: tuple[str, ...]
    mistakes: tuple[str, ...]


# A search values the same few texts at each stage of each candidate.
@cache
def parse_expression(text: str) -> Expression:
    """Parse an expression; its mistakes are noted in it rather than raised."""
    if len(text) > LONGEST:
        given = f"an expression has at most {LONGEST} characters, given {len(text)}"
        return Expression(_not_a_number, (), (given,))
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Expression(_not_a_number, (), (f"{text!r} cannot be read; {GRAMMAR}",))
    mistakes: list[str] = []
    term = _build_term(tree.body, mistakes)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = tuple(name for name in OBJECTIVE_NAMES if name in used)
    if not names and not mistakes:
        mistakes.append(f"{text!r} uses no figure; valid: {', '.join(OBJECTIVE_NAMES)}")
    return Expression(term, names, tuple(dict.fromkeys(mistakes)))


def _build_term(node: ast.expr, mistakes: list[str]) -> Term:
    """Return a node as a function of the figures; note its mistakes."""
    match node:
        # True and False are integers in Python, and no figures.
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _constant(number, mistakes)
        case ast.Name(id=name):
            if name not in OBJECTIVE_NAMES:
                mistakes.append(_unknown_name(name))
            return operator.itemgetter(name)
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in SIGNS:
            return _apply(SIGNS[type(sign)], [operand], mistakes)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return _apply(OPERATORS[type(sign)], [left, right], mistakes)
        # Only a plain call of a known name: no attributes and no keywords.
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _apply(_function(name, len(args), mistakes), args, mistakes)
    mistakes.append(f"{ast.unparse(node)!r} is not arithmetic; {GRAMMAR}")
    return _not_a_number


def _constant(number: int | float, mistakes: list[str]) -> Term:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        mistakes.append("a number is too large")
    return lambda figures: value


def _apply(function: Callable[..., float], args: list[ast.expr], mistakes: list[str]) -> Term:
    terms = [_build_term(arg, mistakes) for arg in args]
    return lambda figures: function(*(term(figures) for term in terms))


def _function(name: str, num_args: int, mistakes: list[str]) -> Callable[..., float]:
    if name not in ARITHMETIC:
        mistakes.append(f"unknown function {name!r}; {suggest(name, ARITHMETIC)}")
    elif name in UNARY_FUNCTIONS and num_args != 1:
        mistakes.append(f"{name} takes 1 argument, given {num_args}")
    elif name in VARIADIC_FUNCTIONS and num_args < 2:
        mistakes.append(f"{name} takes at least 2 arguments, given {num_args}")
    return UNARY_FUNCTIONS.get(name) or VARIADIC_FUNCTIONS.get(name, _not_a_number)


def _unknown_name(name: str) -> str:
    line = f"unknown name {name!r}; {suggest(SYNONYMS.get(name, name), OBJECTIVE_NAMES)}"
    if not name.endswith("seconds"):
        return line
    return f"{line} (seconds differ from run to run, so that decisions by them cannot be repeated)"


def _not_a_number(*_: object) -> float:
    return math.nan
