"""What a run folder tells in JSON, read back with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

from seqfit import configuration, plugins
from seqfit.cli.runs import DIAGNOSIS, EVALUATION, MENDING, RESULT, SEARCH, RunFolder
from seqfit.limits import in_short, read_text, require_shallow

Form: TypeAlias = Any
"""What data must look like: a type or a union; a mapping from keys to forms; a list of one form;
or a tuple of a form, for what may be None."""

_NUMBER = int | float
_SCORES = {
    "mae": (_NUMBER,),
    "rmse": (_NUMBER,),
    "max": (_NUMBER,),
}
_RESULT: Form = {
    "samples": int,
    "updates": int,
    "seconds": _NUMBER,
    "us_per_sample": _NUMBER,
    "engine": str,
    "loss": (_NUMBER,),
    "interrupted": bool,
}
_EVALUATION: Form = {
    "horizons": [{"length": int, "scores": _SCORES}],
    "drift": ({"ratio": (_NUMBER,), "grows": bool},),
}
_DIAGNOSIS: Form = {
    "findings": [
        {
            "kind": str,
            "is_bad": bool,
            "measured": (_NUMBER,),
            "interval": ({"low": (_NUMBER,), "high": (_NUMBER,)},),
            "threshold": (_NUMBER,),
            "unit": str,
            "words": str,
            "suggestion": ({"words": str, "changes": dict},),
            "gain": (_NUMBER,),
            "curve": (
                {
                    "title": str,
                    "x_label": str,
                    "y_label": str,
                    "x": [(_NUMBER,)],
                    "lines": [list],
                    "is_logarithmic": bool,
                },
            ),
        }
    ],
    "not_told": [str],
}
_MENDING: Form = {"steps": [{"is_kept": bool}]}


def read_result(folder: RunFolder) -> dict[str, Any]:
    """What a fit came to.

    Raises:
        FileNotFoundError: the fit did not come to its end.
        ValueError: the file is damaged, or of another version of seqfit.
    """
    path = folder.path / RESULT
    if not path.exists():
        raise FileNotFoundError(
            f"the fit in {folder.path} did not come to its end: there is no {RESULT}; go on with "
            f"'seqfit resume {folder.path}'"
        )
    return _read(path, _RESULT, f"seqfit resume {folder.path}", "without it ")


def read_evaluation(folder: RunFolder) -> dict[str, Any] | None:
    """What an evaluation has left; None where there was none; raises as `read_result` does."""
    return _read_if_there(folder.path / EVALUATION, _EVALUATION, f"seqfit evaluate {folder.path}")


def read_diagnosis(folder: RunFolder) -> dict[str, Any] | None:
    """What a diagnosis has left; None where there was none; raises as `read_result` does."""
    return _read_if_there(folder.path / DIAGNOSIS, _DIAGNOSIS, f"seqfit diagnose {folder.path}")


def read_mending(folder: RunFolder) -> dict[str, Any] | None:
    """The path of a mending; None where there was none; raises as `read_result` does."""
    command = f"seqfit fix {folder.path}"
    return _read_if_there(folder.path / MENDING, _MENDING, command, "without it ")


def read_search(folder: RunFolder) -> dict[str, Any]:
    """What a search in a folder was asked for, with its parts.

    Raises:
        ConfigurationError: the file that says so is damaged, or a part in it is wrong.
        PluginError: a part in it can't be loaded.
    """
    path = folder.path / SEARCH
    kinds: dict[str, plugins.Kind] = {"signal": "signals", "target": "targets"}
    with configuration.naming(str(path)):
        try:
            asked = json.loads(read_text(path))
            require_shallow(asked, str(path))
            parts = {
                name: configuration.from_data(kinds[name], data)
                for name, data in asked["parts"].items()
            }
            return {"samples": asked["samples"], "seed": asked["seed"], "parts": parts}
        except RecursionError:
            raise configuration.ConfigurationError(f"{path} is nested too deep") from None
        except (configuration.ConfigurationError, plugins.PluginError):
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise configuration.ConfigurationError(
                f"{path} does not say what was searched for: {in_short(error)}"
            ) from error


def _read_if_there(path: Path, form: Form, command: str, when: str = "") -> dict[str, Any] | None:
    return _read(path, form, command, when) if path.exists() else None


def _read(path: Path, form: Form, command: str, when: str = "") -> dict[str, Any]:
    again = f"{when}'{command}' writes it anew"
    try:
        data = json.loads(read_text(path), parse_constant=_constant)
        require_shallow(data, str(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {in_short(error)}; {again}") from None
    wrong = _wrong(data, form, "")
    if wrong is not None:
        raise ValueError(
            f"{path} is of another version of seqfit: {in_short(ValueError(wrong))}; {again}"
        )
    found: dict[str, Any] = data
    return found


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))


def _wrong(data: Any, form: Form, where: str) -> str | None:
    """What does not have its form; None where all has."""
    if isinstance(form, tuple):
        return None if data is None else _wrong(data, form[0], where)
    if isinstance(form, dict):
        if not isinstance(data, dict):
            return f"{where[:-1] or 'it'} is not a table"
        missing = next((key for key in form if key not in data), None)
        if missing is not None:
            return f"it has no {where}{missing}"
        inner = ((data[key], part, f"{where}{key}.") for key, part in form.items())
    elif isinstance(form, list):
        if not isinstance(data, list):
            return f"{where[:-1]} is not a list"
        inner = ((item, form[0], where) for item in data)
    else:
        right = isinstance(data, form) and (form is bool or not isinstance(data, bool))
        return None if right else f"{where[:-1]} is {data!r}"
    return next((wrong for part in inner if (wrong := _wrong(*part)) is not None), None)
