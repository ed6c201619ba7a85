"""The peers as the benchmark sees them: processes that it drives over pipes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, final

import attrs

from benchmarks.contenders import RATE, Contender, first_weights
from benchmarks.peers.environments import BENCHMARKS, interpreter, is_built
from benchmarks.peers.protocol import Times, receive, send
from benchmarks.work import Samples, Work

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


@final
@attrs.frozen
class Peer:
    """A library in an environment of its own.

    Attributes:
        title: what tables call it.
        environment: the name of its environment.
        module: what its interpreter runs.
        takes_part: in which work it can.
        differs: how its arithmetic differs, if it does.
    """

    title: str
    environment: str
    module: str
    takes_part: Callable[[Work], bool]
    differs: str = ""

    def is_built(self) -> bool:
        """Whether its environment is there."""
        return is_built(self.environment)


JAX = Peer("JAX, jit(scan) with optax", "jax", "benchmarks.peers.jax_scan", lambda _: True)
PEERS = (
    JAX,
    Peer(
        "Ignite, truncated BPTT",
        "ignite",
        "benchmarks.peers.ignite_tbptt",
        lambda work: work.window == work.every,
    ),
    Peer(
        "deep-river, RollingRegressor",
        "deep-river",
        "benchmarks.peers.deep_river_rolling",
        lambda work: work.streams == 1 and work.window == 2,
        differs="other arithmetic: each window from the zero state, an update for each sample",
    ),
)


class PeerProcess:
    """A peer at work on what it was given at the start; leaving the context ends it."""

    def __init__(self, peer: Peer, kind: str, work: Work, weights: Samples) -> None:
        self._peer = peer
        self._process = subprocess.Popen(
            [interpreter(peer.environment), "-m", peer.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=BENCHMARKS.parent,
            env=os.environ | ONE_THREAD,
        )
        self._ask({"kind": kind, "work": attrs.asdict(work), "rate": RATE}, weights)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def _ask(
        self, header: dict[str, Any], *arrays: Samples
    ) -> tuple[dict[str, Any], list[Samples]]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            send(self._process.stdin, header, *arrays)
            return receive(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            message = f"{self._peer.title} ended with {self._process.wait()}; its error is above"
            raise RuntimeError(message) from error


@final
class TrainerProcess(PeerProcess, Contender):
    """A peer that trains from the same weights as all others."""

    def __init__(self, peer: Peer, work: Work) -> None:
        self._compiling = 0.0
        super().__init__(peer, "trainer", work, first_weights(work))

    @property
    def differs(self) -> str:
        """How its arithmetic differs from that of the others, if it does."""
        return self._peer.differs

    def train(self, x: Samples, y: Samples) -> float:
        times = Times(**self._ask({"do": "train"}, x, y)[0])
        self._compiling += times.compiling
        return times.working

    def weights(self) -> Samples:
        return self._ask({"do": "weights"})[1][0]

    def remark(self) -> str:
        """What a table of times doesn't tell."""
        said = [self.differs] if self.differs else []
        if self._compiling:
            said.append(f"{self._compiling:.0f} s of compiling and choosing a form not counted")
        return f"{self._peer.title}: {'; '.join(said)}" if said else ""


@final
class RunnerProcess(PeerProcess):
    """A peer that runs a network with given weights, without training."""

    def __init__(self, peer: Peer, work: Work, weights: Samples) -> None:
        super().__init__(peer, "runner", work, weights)

    def run(self, x: Samples) -> tuple[Samples, float]:
        """Outputs, (time, streams, 1), and seconds without compiling."""
        header, (outputs,) = self._ask({"do": "run"}, x)
        return outputs, Times(**header).working
