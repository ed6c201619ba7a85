"""What is told of a fit while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from seqfit.states import State

if TYPE_CHECKING:
    from seqfit.fitting.fitter import Fitter


class StopFitting(Exception):  # noqa: N818 - a request, as StopIteration is
    """Raised by a callback to end `Fitter.fit`, without an error.

    It ends after the present update, or, where a solver searches, before it.
    """


def require_callbacks(_instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A validator: a tuple of callbacks."""
    wrong = [c for c in value if not isinstance(c, Callback)] if isinstance(value, tuple) else value
    if wrong:
        raise TypeError(f"{attribute.name} must be a list of Callback, got {value!r}")


class Callback:
    """Told of each update; override what you need. A callback must not change the fitter.

    In a fit on several ranks each has callbacks of its own, of the same classes in the same order.
    What all of them must do at the same update, stop or save say, and what a clock, a signal of
    the system or a rank's own streams decide, is for `wants` and `act`.

    Attributes:
        every_update: whether it must be told of each update. Where all callbacks can do without,
            many updates are made at a time, and they are told after these.
    """

    every_update: bool = True

    def before_compiling(self, fitter: Fitter) -> None:
        """Called where the next update may have to wait some seconds for the compiler."""

    def after_update(self, fitter: Fitter) -> None:
        """Called after each update; may raise `StopFitting`."""

    def while_solving(self, fitter: Fitter) -> None:
        """Called now and then while seqfit's solver searches, which is one long update.

        May raise `StopFitting`: the fit is then left as it was before that update.
        """

    def while_waiting(self, fitter: Fitter) -> None:
        """Called now and then while `Fitter.fit_live` waits; may raise `StopFitting`."""

    def wants(self, fitter: Fitter) -> bool:
        """Whether `act` is to be called; asked after each update.

        Of several ranks all act, after the next update, where any of them wants it.
        """
        return False

    def act(self, fitter: Fitter) -> None:
        """Called where it is wanted; may raise `StopFitting`."""

    def after_fit(self, fitter: Fitter) -> None:
        """Called at the end of each `Fitter.fit` and `Fitter.partial_fit`, error or not."""

    def state(self) -> State:
        """What it must remember when the fit is saved: a state tree, see `seqfit.states`."""
        return None

    def restore(self, state: State) -> None:
        """Go on from what `state` gave, when a fit is loaded with a callback of this class."""
