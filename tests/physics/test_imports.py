import ast
import sys
from pathlib import Path

import pytest

import nernstfit.physics

MODULES = sorted(Path(nernstfit.physics.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=[module.stem for module in MODULES])
def test_physics_needs_numpy_only(module: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    foreign = {
        name
        for name in imported
        if name.split(".")[0] not in {*sys.stdlib_module_names, "numpy"} and not name.startswith("nernstfit.physics")
    }
    assert not foreign
