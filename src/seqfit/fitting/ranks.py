"""Processes that fit together: each runs some of the streams, and gradients are summed."""

from __future__ import annotations

import contextlib
import os
import pickle
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, final

import torch
from torch import Tensor, distributed

_T = TypeVar("_T")
_TELLS_IT = "of the fit has met this error"
_PATIENCE = 10.0
"""Seconds in which torchrun ends the ranks that are left: it knows which one died first."""


class RankLostError(ConnectionError):
    """Another rank of the fit has ended, so that gradients can't be summed any more."""


@final
class Ranks:
    """The processes of a fit, of which this is one.

    All ranks go through the same updates with the same weights. Each runs its own streams only;
    the rest is alike, so that what one asks of the others, all have to ask for.

    Args:
        number: of this process, from 0.
        count: how many there are; 1 is a fit in one process.

    Attributes:
        number: likewise.
        count: likewise.
        wishes: what this rank wants of all, told to them with the next sum.
        granted: for each wish whether any rank had it at the last sum.
        seconds: time spent in sums, waiting for other ranks included.
    """

    def __init__(self, number: int = 0, count: int = 1) -> None:
        self.number, self.count = number, count
        self.wishes: list[bool] = []
        self.granted: list[bool] = []
        self.seconds = 0.0

    def __repr__(self) -> str:
        return f"Ranks(number={self.number}, count={self.count})"

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and talks to people."""
        return self.number == 0

    def require(self, streams: int, device: str) -> None:
        """Raise a ValueError unless so many streams can be fitted on a device."""
        if self.count == 1:
            return
        if streams < self.count:
            raise ValueError(
                f"{self.count} ranks need at least {self.count} streams, the schedule runs "
                f"{streams}; give it more, as in 'truncated_bptt:streams={4 * self.count}'"
            )
        if torch.device(device).index is not None:
            raise ValueError(
                f"device must be without a number where there are {self.count} ranks, each of "
                f"which takes its own, got {device!r}"
            )

    def share(self, streams: int) -> range:
        """The streams that this rank runs of so many; the first ranks may have one more."""
        size, more = divmod(streams, self.count)
        first = self.number * size + min(self.number, more)
        return range(first, first + size + (self.number < more))

    def sum(self, numbers: Tensor) -> None:
        """Add up a tensor over all ranks, in place: the same bits on each of them.

        Raises:
            RankLostError: a rank has ended.
        """
        begin = time.perf_counter()
        with self._all_there():
            distributed.all_reduce(numbers)
        self.seconds += time.perf_counter() - begin

    def gather(self, own: Any) -> list[Any]:
        """What each rank gives, in order, on the first rank; nothing on the others."""
        if self.count == 1:
            return [own]
        found: list[Any] | None = [None] * self.count if self.is_first else None
        with self._all_there():
            distributed.gather_object(own, found)
        return found or []

    def on_first(self, action: Callable[[], _T]) -> _T:
        """What the first rank finds or does, told to all; an error too."""
        found: list[Any] = [None]
        with self.alike():
            if self.is_first:
                found[0] = action()
        if self.count > 1:
            with self._all_there():
                distributed.broadcast_object_list(found)
        result: _T = found[0]
        return result

    @contextlib.contextmanager
    def alike(self) -> Iterator[None]:
        """Do something on all ranks that may fail: then all raise the error of the first to fail.

        Nothing in it may wait for other ranks.
        """
        error: Exception | None = None
        try:
            yield
        except Exception as raised:
            error = raised
        errors: list[Exception | None] = [error]
        if self.count > 1:
            errors = [None] * self.count
            with self._all_there():
                distributed.all_gather_object(errors, _to_be_sent(error))
        for rank, raised_there in enumerate(errors):
            if raised_there is None:
                continue
            if rank == self.number and error is not None:
                raise error
            raised_there.add_note(f"rank {rank} {_TELLS_IT}")
            raise raised_there

    @contextlib.contextmanager
    def _all_there(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # what torch raises where a connection breaks
            time.sleep(_PATIENCE)
            raise RankLostError(
                f"another of the {self.count} ranks has ended ({' '.join(str(error).split())[:80]})"
                "; what started them tells which, and the last checkpoint stands"
            ) from error


def _to_be_sent(error: Exception | None) -> Exception | None:
    """An error that comes out at the other end as it went in, or what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return ValueError(str(error))
    return error


def is_told_by_another(error: BaseException) -> bool:
    """Whether another rank has met this error, and tells it."""
    return any(_TELLS_IT in note for note in getattr(error, "__notes__", ()))


def by_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def restarts_by_torchrun() -> tuple[int, int]:
    """How often torchrun has started the ranks again after one died, and how often it may."""
    names = ("TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS")
    done, most = (int(os.environ.get(name, "0")) if by_torchrun() else 0 for name in names)
    return done, most


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """The ranks that torchrun has started, joined for a while; one alone without torchrun.

    On processors they talk through gloo, on GPUs through nccl, and the device ``"cuda"`` is then
    the GPU of the process's own number on its machine. All ranks leave together. A process group
    that is there already is used, and left open.
    """
    if distributed.is_available() and distributed.is_initialized():
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        return
    if not by_torchrun() or int(os.environ["WORLD_SIZE"]) == 1:
        yield Ranks()
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    _init_process_group(backend)
    ranks = Ranks(distributed.get_rank(), distributed.get_world_size())
    try:
        yield ranks
        ranks.gather(None)  # who leaves early cuts the connections of the others
    finally:
        distributed.destroy_process_group()


def _init_process_group(backend: str) -> None:
    # Functions of this module take the group of its time of import as a default. Imported with an
    # optimizer, it would keep our group, whose threads then meet an interpreter that is gone.
    import torch.distributed.nn.functional  # noqa: F401

    settings = os.environ
    if settings["TORCHELASTIC_USE_AGENT_STORE"] != "True" or settings["GROUP_WORLD_SIZE"] != "1":
        distributed.init_process_group(backend)
        return
    # The store outlives the ranks: those that are started again would find addresses of the dead.
    address = settings["MASTER_ADDR"], int(settings["MASTER_PORT"])
    store = distributed.TCPStore(*address, is_master=False)  # type: ignore[attr-defined]
    name = f"attempt {restarts_by_torchrun()[0]}"
    attempt = distributed.PrefixStore(name, store)  # type: ignore[attr-defined]
    rank, count = int(settings["RANK"]), int(settings["WORLD_SIZE"])
    distributed.init_process_group(backend, store=attempt, rank=rank, world_size=count)
