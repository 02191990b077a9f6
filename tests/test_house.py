"""The measures of the code's form: sizes, docstrings, constants, vocabulary."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import nernstfit

PACKAGE = Path(nernstfit.__file__).parent
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
MAX_LINES = 500
MAX_FUNCTION_LINES = 50
MAX_PARAMETERS = 6
TABLE_OF_FIELDS = "abf/layout.py"  # a table of header fields is as long as the header
TERMS = "contract/terms.py"
OPENINGS = ("What", "Whether", "Of", "How", "Where")
VERDICTS = re.compile(
    "reversal|no_crossing|ambiguous|not_a_reversal|unreadable|excluded|estimate|upper_bound|lower_bound|not_identifiable"
)

files = pytest.mark.parametrize("name", FILES)


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


def functions(name: str) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree(name)) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


@files
def test_a_file_is_short(name: str) -> None:
    if name == TABLE_OF_FIELDS:
        pytest.skip("a table of header fields, not code")
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@files
def test_a_function_is_short(name: str) -> None:
    sizes = {function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions(name)}
    assert {key: size for key, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}


@files
def test_a_function_has_few_parameters(name: str) -> None:
    counts = {function.name: parameters(function) for function in functions(name)}
    assert {key: count for key, count in counts.items() if count > MAX_PARAMETERS} == {}


@files
def test_a_docstring_opens_with_a_verb_or_a_noun(name: str) -> None:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    docs = [ast.get_docstring(node) or "" for node in ast.walk(tree(name)) if isinstance(node, kinds)]
    docs += [text for text in attribute_docs(name) if text]
    assert [text for text in docs if text.split(maxsplit=1)[:1] and text.split()[0] in OPENINGS] == []


def attribute_docs(name: str) -> Iterator[str]:
    """Texts that stand by themselves behind an assignment, as its documentation."""
    for node in ast.walk(tree(name)):
        for before, after in (
            zip(getattr(node, "body", [])[:-1], getattr(node, "body", [])[1:], strict=True)
            if isinstance(node, ast.Module | ast.ClassDef)
            else ()
        ):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(before, ast.Assign | ast.AnnAssign) and is_text:
                yield str(after.value.value)


@files
def test_a_tuning_constant_has_a_comment(name: str) -> None:
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    assert list(constants(name, lines)) == []


def constants(name: str, lines: list[str]) -> Iterator[str]:
    """Constants of a module that hold numbers without a word on why they are that large."""
    body = tree(name).body
    for node, after in zip(body, [*body[1:], None][: len(body)], strict=True):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = getattr(node, "value", None)
        names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        if not names or value is None or not all(re.fullmatch(r"_?[A-Z][A-Za-z0-9_]*", each) for each in names):
            continue
        if not is_number(value):
            continue
        own = lines[node.lineno - 1 : node.end_lineno]
        above = lines[node.lineno - 2].strip() if node.lineno > 1 else ""
        documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if not (any("# " in line for line in own) or above.startswith("#") or documented):
            yield ", ".join(names)


def is_number(value: ast.expr) -> bool:
    """Tell whether an expression is made of numbers alone."""
    if isinstance(value, ast.Tuple):
        return bool(value.elts) and all(is_number(each) for each in value.elts)
    if isinstance(value, ast.UnaryOp):
        return is_number(value.operand)
    if isinstance(value, ast.BinOp):
        return is_number(value.left) and is_number(value.right)
    return (
        isinstance(value, ast.Constant) and isinstance(value.value, int | float) and not isinstance(value.value, bool)
    )


@files
def test_verdicts_are_named_by_their_terms(name: str) -> None:
    if name == TERMS:
        return
    texts = [node for node in ast.walk(tree(name)) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [(node.lineno, node.value) for node in texts if VERDICTS.fullmatch(node.value)] == []
