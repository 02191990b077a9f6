"""Expressions that tie one permeability ratio to others, such as `P_Rb * 0.9`.

They are checked here, before any other program evaluates them: names P_<ion>, numbers, + - * / and brackets, no more.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Longest expression. It bounds the depth to which terms nest: 200 characters are over 50 terms, far below the depth at
# which Python stops. Half of it is still more than a ratio needs; double nests as deep as Python's parser allows.
_MAX_LENGTH = 200

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_SIGNS: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}


def plain_name(ion: str) -> str:
    """Return P_ and the ion, with _ for what is no letter or digit; two ions may have the same."""
    return f"P_{re.sub('[^A-Za-z0-9]', '_', ion)}"


def parameter_names(ions: Sequence[str]) -> tuple[str, ...]:
    """Return the names of ions' permeability ratios: P_ and the ion, with _ for what is no letter or digit.

    Where two would be the same, the later one has its place behind it.
    """
    plain = [plain_name(ion) for ion in ions]
    return tuple(f"{name}_{i}" if name in plain[:i] else name for i, name in enumerate(plain))


def ions_by_parameter(ions: Sequence[str]) -> dict[str, str]:
    """Return each ion by the name of its permeability ratio."""
    return dict(zip(parameter_names(ions), ions, strict=True))


@dataclass(frozen=True)
class Expression:
    """Arithmetic expression of permeability ratios.

    Attributes
    ----------
    text : str
    """

    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names in the expression, each once, in the order of their first occurrence."""
        found = [node for node in ast.walk(_tree(self.text)) if isinstance(node, ast.Name)]
        return tuple(dict.fromkeys(node.id for node in sorted(found, key=lambda node: node.col_offset)))

    def fault(self) -> str:
        """Return what is in the expression that must not be, as words that follow `got`; '' where nothing is."""
        if len(self.text) > _MAX_LENGTH:
            return f"{len(self.text)} characters, of which {_MAX_LENGTH} are allowed"
        try:
            tree = _tree(self.text)
        except (SyntaxError, ValueError):
            return repr(self.text)
        for node in ast.walk(tree):
            if not _is_allowed(node):
                part = ast.get_source_segment(self.text.strip(), node) if isinstance(node, ast.expr) else None
                within = f"{part!r} in " if part and part != self.text.strip() else ""
                return f"{within}{self.text!r}"
        return ""

    def value(self, ratios: Mapping[str, Any]) -> Any:
        """Return the value for permeability ratios by name; numbers or arrays, also complex ones."""
        with np.errstate(all="ignore"):
            return _value(_tree(self.text), ratios)


@functools.lru_cache(maxsize=256)
def _tree(text: str) -> ast.expr:
    return ast.parse(text.strip(), mode="eval").body


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and type(node.value) is not bool and math.isfinite(node.value)
    if isinstance(node, ast.BinOp):
        return type(node.op) in _OPERATORS
    if isinstance(node, ast.UnaryOp):
        return type(node.op) in _SIGNS
    return isinstance(node, ast.Name | ast.expr_context | ast.operator | ast.unaryop)


def _value(node: ast.expr, ratios: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, ratios), _value(node.right, ratios))
    if isinstance(node, ast.UnaryOp):
        return _SIGNS[type(node.op)](_value(node.operand, ratios))
    if isinstance(node, ast.Name):
        return ratios[node.id]
    return np.float64(ast.literal_eval(node))
