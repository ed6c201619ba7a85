"""``seqfit new``: a package of one's own to begin with."""

from __future__ import annotations

import keyword
import re
import shlex
import tempfile
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seqfit import plugins


def new(
    kind: Annotated[str, typer.Argument(help="What to make: signal, target, model or schedule.")],
    name: Annotated[str, typer.Argument(help="Its name, as in 'seqfit list': my_target.")],
    into: Annotated[
        Path, typer.Option(help="The folder in which the package's folder is made.")
    ] = Path(),
) -> None:
    """Write a package with a component of your own: it installs, and its tests pass, as it is.

    The package has the name seqfit-NAME, registers the component under NAME, and tests it against
    the laws of its interface. Put what you need in the place of what it does.
    """
    from seqfit.cli.parts import kind_named

    files = package(kind_named(kind), name)
    folder = into / _distribution(name)
    if folder.exists():
        raise ValueError(f"{folder} exists; nothing was written, choose another name or --into")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as made:  # the folder appears whole or not at all
        for path, text in files.items():
            file = Path(made) / "package" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        (Path(made) / "package").rename(folder)
    print(f"made {folder}; to install it and run its tests:")
    print(f"    cd {shlex.quote(str(folder))}")
    print("    pip install -e '.[test]' && pytest")


def package(kind: plugins.Kind, name: str) -> dict[str, str]:
    """The files of a package with a component: their texts by path.

    Args:
        kind: the interface that the component implements.
        name: the name under which it is registered.

    Raises:
        ValueError: the name can't be one, or is taken.
    """
    from seqfit import plugins

    if not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        words = re.findall("[a-z0-9]+", re.sub("(?<=[a-z0-9])([A-Z])", r"_\1", name).lower())
        like = "_".join(words)
        if not like[:1].isalpha() or keyword.iskeyword(like):
            like = f"my_{like or kind[:-1]}"
        raise ValueError(
            "the name must be lowercase words of letters and digits with single underscores "
            f"between them, and no keyword of Python, such as {like!r}, got {name!r}"
        )
    for registration in plugins.registrations(kind):
        if registration.name == name:
            raise ValueError(
                f"the {kind[:-1]} name {name!r} is taken by {registration.distribution}"
            )
    singular = kind[:-1]
    class_name = "".join(word.capitalize() for word in name.split("_"))
    if any(re.search(rf"\b{class_name}\b", text) for text in _templates(singular).values()):
        raise ValueError(f"the name {name!r} would hide {class_name} of seqfit or Python")
    module = f"seqfit_{name}"
    values = {
        "kind": singular,
        "name": name,
        "class_name": class_name,
        "module": module,
        "distribution": _distribution(name),
    }
    return {
        Template(path).substitute(values): Template(text).substitute(values)
        for path, text in _templates(singular).items()
    }


def _templates(kind: str) -> dict[str, str]:
    """The texts of the files of a package, by path, with places to fill in both."""
    sources = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "src/$module/__init__.py": "__init__.py",
        "src/$module/$name.py": f"{kind}.py",
        "tests/test_laws.py": f"{kind}_tests.py",
    }
    folder = resources.files("seqfit.cli") / "templates"
    return {
        path: (folder / f"{source}.template").read_text(encoding="utf-8")
        for path, source in sources.items()
    }


def _distribution(name: str) -> str:
    return f"seqfit-{name.replace('_', '-')}"
