"""Who may know whom: the parts know nothing of the loop, and nothing knows the command line."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqfit

SOURCE = Path(seqfit.__file__).parent
LOOP = {
    "fitting",
    "evaluation",
    "diagnosis",
    "reporting",
    "search",
    "recipes",
    "sweeps",
    "cli",
}
NOT_TO_KNOW = {
    "signals": LOOP | {"targets", "models", "schedules", "second_order"},
    "targets": LOOP | {"models", "schedules", "second_order"},
    "models": LOOP | {"signals", "targets", "schedules"},
    "live": LOOP | {"signals", "targets", "models", "schedules", "second_order"},
    "schedules": LOOP | {"signals", "targets", "models", "second_order"},
    "second_order": LOOP | {"signals", "targets", "models", "schedules"},
    "fitting": {"cli", "reporting", "recipes", "search", "sweeps"},
    "evaluation": {"cli", "reporting", "recipes", "search", "sweeps"},
    "diagnosis": {"cli", "reporting", "recipes", "search", "sweeps"},
    "testing": {"cli", "reporting", "sweeps"},
}


def imported(path):
    """The parts of seqfit that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("seqfit.")}
    return found


@pytest.mark.parametrize("part", NOT_TO_KNOW)
def test_a_part_knows_only_what_lies_before_it(part):
    for path in (SOURCE / part).rglob("*.py"):
        assert not imported(path) & NOT_TO_KNOW[part], path


def test_nothing_knows_the_command_line():
    outside = [p for p in SOURCE.rglob("*.py") if "cli" not in p.parts and p.name != "__main__.py"]
    assert len(outside) > 50
    assert not [path for path in outside if "cli" in imported(path)]


def test_importing_seqfit_loads_neither_torch_nor_numba():
    code = "import sys, seqfit; sys.exit(bool({'torch', 'numba', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_there():
    for name in seqfit.__all__:
        assert getattr(seqfit, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Fiter'"):
        _ = seqfit.Fiter


RUNS_CODE = {"eval", "exec", "compile", "__import__"}
RUNS_WHAT_IT_READS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}


def dangers(source):
    """What in a source could run code that a file names: (line, what)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names]
            modules += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for module in modules:
                if module.split(".")[0] in RUNS_WHAT_IT_READS:
                    yield node.lineno, f"imports {module}"
        elif isinstance(node, ast.Call):
            called, options = ast.unparse(node.func), {option.arg for option in node.keywords}
            if called in RUNS_CODE:
                yield node.lineno, f"calls {called}"
            if called == "torch.load" and "weights_only=True" not in ast.unparse(node):
                yield node.lineno, "calls torch.load without weights_only=True"
            if "allow_pickle" in options and "allow_pickle=False" not in ast.unparse(node):
                yield node.lineno, f"calls {called} with allow_pickle"
            if called.endswith("import_module"):
                yield node.lineno, "imports by name"


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "eval(text)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "importlib.import_module(name)",
    ],
)
def test_what_runs_foreign_code_would_be_seen(source):
    assert list(dangers(source))


def test_no_file_can_name_code_to_run():
    """Names are imported in two places: where plugins are found, and seqfit's own public names.

    Pickle serves to see what can be sent to the other ranks of a job.
    """
    found = {
        (path.relative_to(SOURCE).as_posix(), what)
        for path in SOURCE.rglob("*.py")
        for _, what in dangers(path.read_text(encoding="utf-8"))
    }
    imports = "imports by name"
    ranks = ("fitting/ranks.py", "imports pickle")
    assert found - {ranks} == {("__init__.py", imports), ("plugins.py", imports)}
