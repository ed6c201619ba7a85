"""Built-in schedules: the updates that they ask for."""

import pytest

from seqfit.schedules import Accumulate, EveryWindow, Progress, TruncatedBPTT, Update


def updates(schedule, count):
    position, state, found = 0, schedule.start(), []
    for number in range(count):
        progress = Progress(position=position, updates=number, loss=0.0)
        update, state = schedule.next_update(state, progress)
        found.append(update)
        position += update.length
    return found


def test_every_window_updates_after_each_window():
    assert updates(EveryWindow(3), 2) == [Update(length=3, window=3)] * 2


def test_the_2017_loops_begin_with_a_window_of_one_sample():
    assert [u.length for u in updates(EveryWindow(2, phase=1), 3)] == [1, 2, 2]
    assert [u.length for u in updates(Accumulate(2, 50, phase=1), 3)] == [1, 50, 50]


def test_accumulate_sums_the_windows_of_an_update():
    assert updates(Accumulate(2, 50), 1) == [Update(length=50, window=2, reduction="sum")]


def test_truncated_bptt_looks_back_as_far_as_there_are_samples():
    found = updates(TruncatedBPTT(k1=3, k2=8), 4)
    assert [u.lookback for u in found] == [0, 3, 5, 5]
    assert [u.washout for u in found] == [0, 3, 5, 5]
    assert [u.washout for u in updates(TruncatedBPTT(k1=3, k2=8, loss_on="all"), 4)] == [0] * 4


def test_truncated_bptt_tiles_new_samples_where_windows_are_shorter():
    schedule = TruncatedBPTT(k1=10, k2=4)
    assert schedule.history == 0
    assert updates(schedule, 1) == [Update(length=10, window=4)]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: EveryWindow(0), "window must be a positive int, got 0"),
        (lambda: EveryWindow(2, phase=2), "phase must be an int from 0 to 1.*got 2"),
        (lambda: EveryWindow(streams=0), "streams must be a positive int, got 0"),
        (lambda: Accumulate(window=51, every=50), "window must not exceed every=50, got 51"),
        (lambda: Accumulate(every=-1), "every must be a positive int, got -1"),
        (lambda: TruncatedBPTT(k1=0), "k1 must be a positive int, got 0"),
        (
            lambda: TruncatedBPTT(loss_on="al"),
            "loss_on must be one of new, all.*did you mean 'all'",
        ),
        (lambda: Update(length=5, window=5, washout=1), "washout must not exceed lookback=0"),
    ],
)
def test_a_bad_argument_is_named_with_its_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()
