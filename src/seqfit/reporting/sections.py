"""The sections of a report as HTML."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from typing import Any

import numpy as np

from seqfit.environment import environment
from seqfit.evaluation.missing import missing_of
from seqfit.evaluation.scores import Scores
from seqfit.reporting import words
from seqfit.reporting.account import RunAccount
from seqfit.reporting.drawn import Drawn, side_by_side
from seqfit.reporting.error_places import ErrorBy, error_by_input, error_by_lag
from seqfit.reporting.figures import Line, plot
from seqfit.reporting.held_out import scores_by_length, worst_stretches
from seqfit.reporting.markup import code_block, count, number, table, text
from seqfit.reporting.rates import planned_rates
from seqfit.reporting.series import CHANNELS, series_around, series_of


def scores(accounts: list[RunAccount], _drawn: Drawn) -> str:
    """Scores of all runs, side by side."""
    header = ["run", "MAE", "RMSE", "NRMSE", "p99", "max", "fit %", "samples fitted", "updates"]
    header += ["seconds"]
    rows, remarks = [], []
    for account in accounts:
        cells = ["-"] * 6
        if account.held_out is not None:
            cells = _cells(account.held_out.scores)
        remarks.append((account.name, _scored(account)))
        spent = [number(account.result[name]) for name in ("samples", "updates", "seconds")]
        rows.append([text(account.name), *cells, *spent])
    told = [*_remarks(remarks), *_same_streams(accounts)]
    first = [remark for account in accounts for remark in account.remarks]
    return (
        "".join(f'<p class="notice">{text(words)}</p>' for words in first)
        + table(header, rows)
        + "".join(f"<p>{text(words)}</p>" for words in told)
    )


def _remarks(remarks: Iterable[tuple[str, str]]) -> list[str]:
    """What is said of runs, with their names where it is not said of all of them."""
    remarks = list(remarks)
    said = dict.fromkeys(words for _, words in remarks)
    if len(said) == 1:
        return list(said)
    return [f"{', '.join(n for n, w in remarks if w == words)}: {words}" for words in said]


def _scored(account: RunAccount) -> str:
    """What the scores of a run are of."""
    if account.held_out is None:
        return (
            "The samples were given from outside, and none are held out. The mean loss before the "
            f"last updates was {number(account.result['loss'])}."
        )
    length, streams = account.held_out.x.shape[:2]
    interval = "" if streams == 1 else " Below MAE and RMSE: 95% confidence over the streams."
    missing = missing_of(account.held_out.y)
    left_out = "" if missing is None else f" Missing, and not scored: {missing}."
    return (
        f"A free run from the start on {count(streams, 'held-out stream')} of "
        f"{count(length, 'sample')}.{interval}{left_out}"
    )


def _same_streams(accounts: list[RunAccount]) -> list[str]:
    """Whether several runs were scored on the same samples."""
    runs = [account.held_out for account in accounts if account.held_out is not None]
    if len(runs) < 2:
        return []
    first = runs[0]
    same = all(np.array_equal(run.x, first.x) for run in runs) and all(
        np.array_equal(run.y, first.y, equal_nan=True) for run in runs
    )
    if same:
        return ["All were scored on the same samples."]
    how = "; --seed takes the same streams for all" if all(map(_is_endless, accounts)) else ""
    return [f"They were not scored on the same samples{how}."]


def _is_endless(account: RunAccount) -> bool:
    """Whether there are as many samples as anyone asks for, which recordings have not."""
    signal = account.fitter.signal
    return signal is not None and signal.held_out().length is None


def _cells(some: Scores) -> list[str]:
    def within(value: float, interval: Any) -> str:
        if interval is None:
            return number(value)
        return f"{number(value)}<br><small>{interval}</small>"

    fit = "-" if some.fit_percent is None else f"{some.fit_percent:.2f}"
    return [
        within(some.mae, some.mae_interval),
        within(some.rmse, some.rmse_interval),
        *map(number, (some.nrmse, some.p99, some.max)),
        fit,
    ]


def experiments(accounts: list[RunAccount], _drawn: Drawn) -> str:
    """What was fitted to what, and the laws that were found."""

    def one(account: RunAccount) -> str:
        law = ""
        if account.law is not None:
            law = f"<h4>The law that was found</h4>{code_block(account.law)}"
        return words.sentence(account) + law + words.parts(account)

    return side_by_side(accounts, one)


def over_time(accounts: list[RunAccount], drawn: Drawn) -> str:
    """Input, target, output and error over time, and the worst stretches."""

    def one(account: RunAccount) -> str:
        run = account.held_out
        if run is None:
            return "<p>No samples are held out.</p>"
        place = f"series-{len(drawn.series)}"
        worst = worst_stretches(run)
        drawn.series[place] = [
            *(series_around(account, run, stretch) for stretch in worst),
            series_of(account, run, len(accounts)),
        ]
        choices = [
            f"{index}. worst: stream {s.stream + 1}, samples {s.first:,} to {s.end - 1:,}"
            for index, s in enumerate(worst, start=1)
        ]
        choices.append(f"stream 1, all {len(run.x):,} samples")
        options = "".join(
            f'<option value="{index}">{choice}</option>' for index, choice in enumerate(choices)
        )
        size = drawn.series[place][-1]["size"]
        rows = [
            [
                f"{index}",
                f"{s.stream + 1}",
                f"{s.first:,} to {s.end - 1:,}",
                number(s.rmse),
                number(s.max),
                "-" if math.isnan(s.share) else f"{s.share:.1%}",
            ]
            for index, s in enumerate(worst, start=1)
        ]
        header = ["", "stream", "samples", "RMSE", "max", "share"]
        told = (
            table(header, rows, "The worst stretches first, and their share of all squared error")
            if rows
            else "<p>No error.</p>"
        )
        notes = (
            []
            if size == 1
            else [f"Each {size:,} samples are drawn by their least and greatest value."]
        )
        hidden = max(run.x.shape[2], run.y.shape[2]) > CHANNELS
        if hidden:
            notes.append(
                f"The first {CHANNELS} of {count(run.x.shape[2], 'input')} and "
                f"{count(run.y.shape[2], 'output')} are drawn."
            )
        return (
            f'<label class="choice">shown <select data-for="{place}">{options}</select></label>'
            f'<figure><div class="series" id="{place}" tabindex="0" role="group" aria-label="'
            f"Input, target, output and error of {text(account.name)} over time. Keys: plus and "
            f'minus zoom, left and right move, 0 shows all."></div>'
            '<div class="zoom" role="group" aria-label="zoom">'
            '<button type="button" data-zoom="out" aria-label="zoom out">&minus;</button>'
            '<button type="button" data-zoom="in" aria-label="zoom in">+</button>'
            '<button type="button" data-zoom="left" aria-label="move left">◀</button>'
            '<button type="button" data-zoom="right" aria-label="move right">▶</button>'
            '<button type="button" data-zoom="all">all</button></div>'
            "<figcaption>Drag across to zoom, double-click for all; or + &minus; 0 and the arrows "
            f"on the keyboard. {' '.join(notes)}</figcaption></figure>{told}"
        )

    return side_by_side(accounts, one)


def where(accounts: list[RunAccount], drawn: Drawn) -> str:
    """Errors by the input, and by the time since it jumped."""
    runs = [(i, a, a.held_out) for i, a in enumerate(accounts) if a.held_out is not None]
    if not runs:
        return "<p>No samples are held out.</p>"
    pieces = []
    for channel in range(min(max(run.x.shape[2] for _, _, run in runs), CHANNELS)):
        found = [
            (i, a, error_by_input(run, channel)) for i, a, run in runs if channel < run.x.shape[2]
        ]
        names = dict.fromkeys(a.input_name(channel) for _, a, _ in found)
        name = " / ".join(names)
        pieces.append(_error_by(found, drawn, name, f"Error by the value of {name}", False))
    lags, definitions = [], []
    for i, account, run in runs:
        by, jump = error_by_lag(run)
        if by is None:
            definitions.append(f"No input of {account.name} jumps ({jump}).")
        else:
            lags.append((i, account, by))
            definitions.append(f"A jump is {jump}.")
    if lags:
        caption = "Error by the samples since an input jumped last"
        pieces.append(_error_by(lags, drawn, "samples since the last jump", caption, True))
    notes = "".join(f"<p>{text(words)}</p>" for words in dict.fromkeys(definitions))
    return f'<div class="pair">{"".join(pieces)}</div>{notes}'


def _error_by(
    found: list[tuple[int, RunAccount, ErrorBy]], drawn: Drawn, axis: str, caption: str, log: bool
) -> str:
    lines, rows = [], []
    for run, account, by in found:
        name = account.name
        places = by.places + 1 if log else by.places
        lines.append(Line(name, places, by.mae, run))
        lines.append(Line(f"{name}, largest", places, by.largest, run, is_faint=True))
        rows += [
            [text(name), number(float(place), 4), number(float(mae)), number(float(most)), f"{n:,}"]
            for place, mae, most, n in zip(by.places, by.mae, by.largest, by.counts, strict=True)
        ]
    label = f"1 + {axis}" if log else axis
    specification = plot(lines, label, "absolute error", log_x=log, log_y=True)
    header = ["run", text(axis), "mean", "largest", "outputs"]
    return drawn.place(specification, f"{text(caption)}: mean, and largest.", table(header, rows))


def lengths(accounts: list[RunAccount], drawn: Drawn) -> str:
    """How the error of a free run goes with its length."""
    lines, rows, remarks = [], [], []
    for i, account in enumerate(accounts):
        if account.held_out is not None:
            course = scores_by_length(account.held_out)
            values = [some.rmse for _, some in course]
            ends = [some.rmse_interval for _, some in course]
            low, high = ([getattr(e, end, None) for e in ends] for end in ("low", "high"))
            places = [length for length, _ in course]
            lines.append(Line(account.name, places, values, i, low=low, high=high))
            rows += [
                [
                    text(account.name),
                    f"{length:,}",
                    number(some.mae),
                    number(some.rmse),
                    number(some.max),
                ]
                for length, some in course
            ]
        if account.evaluation is not None:
            horizons = [(h["length"], h["scores"]) for h in account.evaluation["horizons"]]
            known = [(n, s) for n, s in horizons if s["rmse"] is not None]
            name = f"{account.name}, evaluated"
            lines.append(
                Line(name, [n for n, _ in known], [s["rmse"] for _, s in known], i, is_markers=True)
            )
            rows += [
                [text(name), f"{n:,}", number(s["mae"]), number(s["rmse"]), number(s["max"])]
                for n, s in horizons
            ]
            drift = account.evaluation["drift"]
            if drift is not None and drift["ratio"] is not None:
                grows = "it grows" if drift["grows"] else "it does not grow for certain"
                remarks.append(
                    f"{account.name}: the RMSE of the last tenth of the longest run that was "
                    f"evaluated is {number(drift['ratio'])} times that of the first: {grows}."
                )
        elif account.folder is not None and _is_endless(account):
            remarks.append(f"Longer runs of {account.name}: seqfit evaluate {account.folder}")
    if not lines:
        return "<p>No samples are held out.</p>"
    held_out = [account.held_out for account in accounts if account.held_out is not None]
    several = any(some.x.shape[1] > 1 for some in held_out)
    sure = ", with 95% confidence over the streams" if several else ""
    place = drawn.place(
        plot(lines, "samples of the free run", "RMSE up to there", log_x=True, log_y=True),
        f"RMSE of a free run up to some length{sure}.",
        table(["run", "samples", "MAE", "RMSE", "max"], rows),
    )
    return place + "".join(f"<p>{text(remark)}</p>" for remark in remarks)


def learning(accounts: list[RunAccount], drawn: Drawn) -> str:
    """The course of the loss and of the learning rate."""
    losses, rates, notes = [], [], []
    for i, account in enumerate(accounts):
        fitter, result = account.fitter, account.result
        losses.append(Line(account.name, *fitter.loss_curve, i))
        planned = planned_rates(fitter.experiment, result["updates"])
        if planned is None:
            notes.append(f"{account.name} has no learning rate that could be drawn.")
            continue
        shares, course = planned
        samples = [share * result["samples"] for share in shares]
        rates.append(Line(account.name, samples, course, i))
        now = fitter.learning_rate_now
        if not math.isclose(now, course[-1], abs_tol=0.01 * max(course)):
            notes.append(
                f"The learning rate of {account.name} was lowered on the way: it is now "
                f"{number(now)}, not {number(course[-1])} as planned."
            )
    pieces = [
        drawn.place(
            plot(losses, "samples fitted", "loss", log_y=True),
            "Mean loss before each update, over stretches of equally many updates.",
        )
    ]
    if rates:
        pieces.append(
            drawn.place(
                plot(rates, "samples fitted", "learning rate"),
                "The learning rate as it was planned.",
            )
        )
    return f'<div class="pair">{"".join(pieces)}</div>' + "".join(
        f"<p>{text(n)}</p>" for n in notes
    )


def again(accounts: list[RunAccount], _drawn: Drawn) -> str:
    """How to do it again, and with what it was done."""

    def one(account: RunAccount) -> str:
        if account.experiment.startswith("# "):
            command = f"<p>It can't be repeated from its folder: {text(account.experiment[2:])}</p>"
        elif account.fitter.signal is None:
            command = "<p>The samples came from outside, and are not kept.</p>"
        elif account.folder is None or not account.is_repeatable:
            why = "is not what is in its folder" if account.folder else "was fitted in Python"
            command = f"<p>It {why}; write the experiment to a file, and:</p>"
            command += code_block("seqfit fit experiment.toml")
        else:
            command = code_block(f"seqfit fit {shlex.quote(f'{account.folder}/experiment.toml')}")
        return (
            f"{command}<details><summary>experiment.toml</summary>"
            f"{code_block(account.experiment)}</details>"
        )

    fitted = [account.result.get("environment") for account in accounts]
    here = environment()
    names = dict.fromkeys([*here, *(name for known in fitted if known for name in known)])
    rows = [
        [
            text(name),
            text(here.get(name, "-")),
            *(text((e or {}).get(name, "not kept")) for e in fitted),
        ]
        for name in names
    ]
    header = ["", "this report", *(text(account.name) for account in accounts)]
    versions = table(header, rows, "The environment")
    return f'{side_by_side(accounts, one)}<div class="versions">{versions}</div>'
