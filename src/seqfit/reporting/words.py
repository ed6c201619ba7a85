"""An experiment in words."""

from __future__ import annotations

from typing import Any

from seqfit import configuration
from seqfit.evaluation.missing import missing_in_words
from seqfit.fitting.optimizers import LevenbergMarquardt
from seqfit.reporting.account import RunAccount
from seqfit.reporting.markup import count, number, prose, text

PARTS = {
    "signal": "what goes in",
    "target": "what should come out",
    "model": "what learns",
    "schedule": "when it learns",
    "optimizer": "how it learns",
    "learning_rate": "with which rate",
}


def sentence(account: RunAccount) -> str:
    """How the fit went, as HTML."""
    fitter, result = account.fitter, account.result
    solved = isinstance(fitter.optimizer, LevenbergMarquardt)
    joint = "in" if solved else "and"
    how = "solved for at once" if solved else f"in {count(result['updates'], 'update')}"
    spent = ""
    if result["seconds"] is not None:
        us = number(result["us_per_sample"])
        spent = f" {joint} {number(result['seconds'])} s ({us} µs a sample)"
    words = [
        f"Fitted to {count(result['samples'], 'sample')} of "
        f"{count(fitter.schedule.streams, 'stream')}, {how}{spent}, with the engine "
        f"{result['engine']}, the loss {_called(fitter.loss)} and the seed {fitter.seed}."
    ]
    missing = missing_in_words(fitter)
    if missing is not None:
        words.append(f"Missing, and left out: {missing}.")
    if result["interrupted"]:
        words.append("It was interrupted before its end.")
    return f"<p>{text(' '.join(words))}</p>"


def parts(account: RunAccount) -> str:
    """The parts of the experiment as an HTML list: what each is, does, and is set to."""
    items = []
    for name, role in PARTS.items():
        part = getattr(account.fitter, name)
        if part is None:
            if name == "learning_rate":
                continue
            told = "<p>samples that were given from outside</p>"
        else:
            told = _part(part)
        title = name.replace("_", " ")
        items.append(f"<dt>{title}<span>{role}</span></dt><dd>{told}</dd>")
    return f"<dl>{''.join(items)}</dl>"


def _part(part: Any) -> str:
    documentation = type(part).__doc__ or ""
    first = documentation.strip().split("\n\n")[0].replace("\n", " ")
    own = first and not first.startswith(f"{type(part).__name__}(")  # not what attrs generates
    try:
        data = configuration.plain(part, "it")
    except configuration.NotSerialisable:
        return f"<p><code>{text(repr(part))}</code></p>"
    name = str(data.pop("name", type(part).__name__))
    settings = ", ".join(f"{key} = {_value(value)}" for key, value in data.items())
    is_by_name = type(part).__name__.startswith("Torch")
    says = f"<p>{prose(first)}</p>" if own and not is_by_name else ""
    set_to = f'<p class="settings">{text(settings)}</p>' if settings else ""
    return f"<p><b>{text(name)}</b></p>{says}{set_to}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_value(v)}" for key, v in value.items() if key != "name")
        return f"{value['name']}({inner})" if "name" in value else f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


def _called(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "__qualname__", repr(loss))
