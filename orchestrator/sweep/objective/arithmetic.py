"""The operators and functions of an expression."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable

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
UNARY_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "sqrt": math.sqrt,
}
VARIADIC_FUNCTIONS: dict[str, Callable[[Iterable[float]], float]] = {"max": max, "min": min}
ARITHMETIC = (*UNARY_FUNCTIONS, *VARIADIC_FUNCTIONS)
GRAMMAR = (
    "an expression is made of numbers, names, + - * / **, parentheses and "
    f"{', '.join(sorted(ARITHMETIC))}"
)
