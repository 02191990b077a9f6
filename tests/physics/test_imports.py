import ast
import sys
from pathlib import Path

import nernstfit.physics

MODULES = sorted(Path(nernstfit.physics.__path__[0]).rglob("*.py"))


def foreign(module: Path) -> set[str]:
    """Modules that a file imports and that are not numpy, Python's or of the physics."""
    imported: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    return {
        name
        for name in imported
        if name.split(".")[0] not in {*sys.stdlib_module_names, "numpy"} and not name.startswith("nernstfit.physics")
    }


def test_physics_needs_numpy_only() -> None:
    assert len(MODULES) > 10
    assert {module.stem: names for module in MODULES if (names := foreign(module))} == {}
