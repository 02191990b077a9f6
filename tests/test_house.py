"""The measures of the code's form: sizes, docstrings, constants, vocabulary."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Collection, Iterator
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


# Each measure is one test of all files, which names those that miss it: one of each file took ten times as long.
def missing(offences: Callable[[str], Collection[object]]) -> dict[str, Collection[object]]:
    """Return what offends in each file that has anything."""
    return {name: found for name in FILES if (found := offences(name))}


@functools.cache
def text(name: str) -> str:
    return FILES[name].read_text(encoding="utf-8")


@functools.cache
def nodes(name: str) -> tuple[ast.AST, ...]:
    """Return the module of a file, then every node in it."""
    return tuple(ast.walk(ast.parse(text(name))))


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Let the nodes of all files go, half a million."""
    yield
    nodes.cache_clear()


def functions(name: str) -> Iterator[ast.FunctionDef]:
    return (node for node in nodes(name) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def test_a_file_is_short() -> None:
    sizes = {name: len(text(name).splitlines()) for name in FILES if name != TABLE_OF_FIELDS}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_a_function_is_short() -> None:
    def long(name: str) -> dict[str, int]:
        sizes = {function.name: (function.end_lineno or 0) - function.lineno + 1 for function in functions(name)}
        return {key: size for key, size in sizes.items() if size > MAX_FUNCTION_LINES}

    assert missing(long) == {}


def test_a_function_has_few_parameters() -> None:
    def many(name: str) -> dict[str, int]:
        counts = {function.name: parameters(function) for function in functions(name)}
        return {key: count for key, count in counts.items() if count > MAX_PARAMETERS}

    assert missing(many) == {}


def test_a_docstring_opens_with_a_verb_or_a_noun() -> None:
    def opened_otherwise(name: str) -> list[str]:
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef
        docs = [ast.get_docstring(node) or "" for node in nodes(name) if isinstance(node, kinds)]
        docs += attribute_docs(name)
        return [doc for doc in docs if doc.split(maxsplit=1)[:1] and doc.split()[0] in OPENINGS]

    assert missing(opened_otherwise) == {}


def attribute_docs(name: str) -> Iterator[str]:
    """Texts that stand by themselves behind an assignment, as its documentation."""
    for node in nodes(name):
        for before, after in (
            zip(getattr(node, "body", [])[:-1], getattr(node, "body", [])[1:], strict=True)
            if isinstance(node, ast.Module | ast.ClassDef)
            else ()
        ):
            is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(before, ast.Assign | ast.AnnAssign) and is_text:
                yield str(after.value.value)


def test_a_tuning_constant_has_a_comment() -> None:
    assert missing(lambda name: list(constants(name))) == {}


def constants(name: str) -> Iterator[str]:
    """Constants of a module that hold numbers without a word on why they are that large."""
    lines, body = text(name).splitlines(), nodes(name)[0].body
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


def test_verdicts_are_named_by_their_terms() -> None:
    def named(name: str) -> list[tuple[int, str]]:
        texts = [node for node in nodes(name) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        return [(node.lineno, node.value) for node in texts if VERDICTS.fullmatch(node.value)]

    assert set(missing(named)) <= {TERMS}, missing(named)
