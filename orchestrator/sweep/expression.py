"""Arithmetic on the figures a search may rank by, read from text.

An expression becomes closures over floats. Python's own evaluation is not used, so it can neither
reach an object nor build an integer that never ends.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from orchestrator.columns import METRICS, REPEATABLE
from orchestrator.errors import suggest

Term = Callable[[Mapping[str, float]], float]

QUALITIES = METRICS
COSTS = REPEATABLE
FIGURES = (*QUALITIES, *COSTS)
SYNONYMS = {
    **dict.fromkeys(("accuracy", "avg_acc", "average_accuracy", "val_accuracy"), "acc"),
    "backward_transfer": "bwt",
    "forward_transfer": "fwt",
    "compute_flops": "train_flops",
}
LONGEST = 300  # characters: more than a rule that can be explained

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: math.pow,  # overflows at once, where ** of integers would go on
}
SIGNS: dict[type[ast.unaryop], Callable[[float], float]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
OF_ONE: dict[str, Callable[[float], float]] = {
    "abs": abs, "exp": math.exp, "log": math.log, "log10": math.log10, "log2": math.log2,
    "sqrt": math.sqrt,
}  # fmt: skip
OF_SEVERAL: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "min": min}
FUNCTIONS = (*OF_ONE, *OF_SEVERAL)
GRAMMAR = (
    "an expression is made of numbers, names, + - * / **, parentheses and "
    f"{', '.join(sorted(FUNCTIONS))}"
)


@dataclass(frozen=True)
class Expression:
    """An expression that was read.

    Attributes:
        term: its value given the figures; raises ValueError, ZeroDivisionError or OverflowError
            where arithmetic does.
        names: the figures it uses, in the order of FIGURES.
        wrong: what is wrong with it, each in a line; `term` means something only if this is empty.
    """

    term: Term
    names: tuple[str, ...]
    wrong: tuple[str, ...]


@cache
def read(text: str) -> Expression:
    """Return an expression read from text; never raises."""
    if len(text) > LONGEST:
        given = f"an expression has at most {LONGEST} characters, given {len(text)}"
        return Expression(_undefined, (), (given,))
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Expression(_undefined, (), (f"{text!r} cannot be read; {GRAMMAR}",))
    wrong: list[str] = []
    term = _term(tree.body, wrong)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names = tuple(name for name in FIGURES if name in used)
    if not names and not wrong:
        wrong.append(f"{text!r} uses no figure; valid: {', '.join(FIGURES)}")
    return Expression(term, names, tuple(dict.fromkeys(wrong)))


def _term(node: ast.expr, wrong: list[str]) -> Term:
    """Return a node as a function of the figures, after noting what is wrong in it."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _constant(number, wrong)
        case ast.Name(id=name):
            if name not in FIGURES:
                wrong.append(_unknown(name))
            return operator.itemgetter(name)
        case ast.UnaryOp(op=sign, operand=operand) if type(sign) in SIGNS:
            return _applied(SIGNS[type(sign)], [operand], wrong)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return _applied(OPERATORS[type(sign)], [left, right], wrong)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _applied(_function(name, len(args), wrong), args, wrong)
    wrong.append(f"{ast.unparse(node)!r} is not arithmetic; {GRAMMAR}")
    return _undefined


def _constant(number: int | float, wrong: list[str]) -> Term:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        wrong.append("a number is too large")
    return lambda figures: value


def _applied(function: Callable[..., float], args: list[ast.expr], wrong: list[str]) -> Term:
    terms = [_term(arg, wrong) for arg in args]
    return lambda figures: function(*(term(figures) for term in terms))


def _function(name: str, num_args: int, wrong: list[str]) -> Callable[..., float]:
    if name not in FUNCTIONS:
        wrong.append(f"unknown function {name!r}; {suggest(name, FUNCTIONS)}")
    elif name in OF_ONE and num_args != 1:
        wrong.append(f"{name} takes 1 argument, given {num_args}")
    elif name in OF_SEVERAL and num_args < 2:
        wrong.append(f"{name} takes at least 2 arguments, given {num_args}")
    return OF_ONE.get(name) or OF_SEVERAL.get(name, _undefined)


def _unknown(name: str) -> str:
    line = f"unknown name {name!r}; {suggest(SYNONYMS.get(name, name), FIGURES)}"
    if not name.endswith("seconds"):
        return line
    return f"{line} (seconds differ from run to run, so what they decide could not be repeated)"


def _undefined(*_: object) -> float:
    return math.nan
