"""What a law is, and the search for the smallest example that breaks one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, final

import attrs
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from seqfit import states

Example: TypeAlias = dict[str, Any]
BadArguments: TypeAlias = Sequence[Mapping[str, Any]]
OnVerdict: TypeAlias = "Callable[[str, LawViolation | None], None]"


@final
class LawViolation(AssertionError):  # noqa: N818 - it names what happened, as AssertionError does
    """A component breaks a law of its interface.

    Attributes:
        law: name of the law.
        subject: the component.
        what: what happened.
        example: the smallest inputs that were found to break the law, by name.
    """

    def __init__(self, law: str, subject: Any, what: str, example: Mapping[str, Any]) -> None:
        super().__init__(law, subject, what, example)
        self.law = law
        self.subject = subject
        self.what = what
        self.example = dict(example)

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in self.example.items())
        return f"{self.law}: {self.what}" + (f" ({shown})" if shown else "")


class Broken(Exception):  # noqa: N818 - raised by the body of a law, never seen by its caller
    """What a component did that it must not, in words."""


def nothing_drawn(_subject: Any) -> st.SearchStrategy[Example]:
    """The cases of a law that needs nothing but the component."""
    return st.just({})


@final
@attrs.frozen
class Law:
    """Something that holds for every component of a kind, whatever it is given.

    Attributes:
        name: what a violation is reported as.
        holds: takes the component and an example's values by name, and raises `Broken`; an
            exception of the component breaks the law too.
        cases: the examples to try on a component.
        most: how many are tried at most, where each takes long; then no smaller one is sought.
    """

    name: str
    holds: Callable[..., None]
    cases: Callable[[Any], st.SearchStrategy[Example]] = nothing_drawn
    most: int | None = None


def check_laws(
    component: Any,
    interface: type[Any],
    laws: Iterable[Law],
    *,
    bad_arguments: BadArguments = (),
    examples: int = 25,
    on_verdict: OnVerdict | None = None,
) -> None:
    """Search each law in turn for an example that breaks it.

    Args:
        component: an instance, or a Hypothesis strategy of instances.
        interface: what it has to be an instance of.
        laws: the laws, the most telling ones first.
        bad_arguments: arguments that the component's class must refuse.
        examples: how many are tried for each law.
        on_verdict: called with the name of each law and its violation, or None; then all laws are
            tried, and none raises.

    Raises:
        LawViolation: a law is broken.
        TypeError: the component is not an instance of the interface.
    """
    if not isinstance(component, st.SearchStrategy):
        _require_instance(component, interface)
    validation = [_validation(bad_arguments)] if bad_arguments else []
    for law in (*validation, *laws):
        violation = _search(law, component, interface, examples)
        if on_verdict is not None:
            on_verdict(law.name, violation)
        elif violation is not None:
            raise violation


def describe(subject: Any) -> str:
    """The component as it is named in a violation: its repr, where it says something."""
    said = repr(subject)
    return f"{type(subject).__name__}()" if said == object.__repr__(subject) else said


def first_difference(a: Any, b: Any) -> int:
    """The first sample at which two arrays of equal shape (time, ...) differ, bit for bit."""
    equal = (
        states.same(np.asarray(one), np.asarray(other)) for one, other in zip(a, b, strict=True)
    )
    return next(t for t, is_equal in enumerate(equal) if not is_equal)


def _search(law: Law, component: Any, interface: type[Any], examples: int) -> LawViolation | None:
    """The violation with the smallest example, or None; it carries nothing of the search."""

    def examples_of(subject: Any) -> st.SearchStrategy[tuple[Any, Example]]:
        return st.tuples(st.just(subject), law.cases(subject))

    drawn = isinstance(component, st.SearchStrategy)
    cases = component.flatmap(examples_of) if drawn else examples_of(component)
    found: list[LawViolation] = []

    @settings(
        max_examples=examples if law.most is None else min(examples, law.most),
        derandomize=True,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink) if law.most is None else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def holds(case: tuple[Any, Example]) -> None:
        subject, example = case
        _require_instance(subject, interface)
        violation = _violation(law, subject, example)
        if violation is not None:
            found.append(violation)
            raise violation

    try:
        holds()
    except LawViolation as error:
        violation = LawViolation(*error.args)
        violation.__cause__ = error.__cause__
        return violation
    except Flaky:
        if not found:
            raise
        last = found[-1]
        if last.law == "determinism":
            return last
        return LawViolation(
            "determinism",
            last.subject,
            f"the same example broke a law and then kept it; when broken, {last.law}: {last.what}",
            last.example,
        )
    return None


def _violation(law: Law, subject: Any, example: Example) -> LawViolation | None:
    try:
        # A component may spoil what it is given; the example is shown as it was.
        law.holds(subject, **states.copy(example))
    except Broken as broken:
        return LawViolation(law.name, subject, str(broken), example)
    except Exception as error:
        raised = f"{describe(subject)} raised {type(error).__name__}: {error}"
        violation = LawViolation(law.name, subject, raised, example)
        violation.__cause__ = error
        return violation
    return None


def _validation(bad_arguments: BadArguments) -> Law:
    def holds(subject: Any) -> None:
        cls = type(subject)
        for arguments in bad_arguments:
            try:
                cls(**arguments)
            except (ValueError, TypeError):
                continue
            written = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
            raise Broken(f"{cls.__name__}({written}) raised neither ValueError nor TypeError")

    def cases(subject: Any) -> st.SearchStrategy[Example]:
        signature = inspect.signature(type(subject))
        for arguments in bad_arguments:
            try:
                signature.bind(**arguments)
            except TypeError as error:
                raise ValueError(
                    f"bad_arguments must be bad for their values, but {type(subject).__name__} "
                    f"can't be called with {dict(arguments)!r}: {error}"
                ) from None
        return st.just({})

    return Law("validation", holds, cases)


def _require_instance(component: Any, interface: type[Any]) -> None:
    if not isinstance(component, interface):
        hint = "; give an instance, not the class" if isinstance(component, type) else ""
        raise TypeError(
            f"expected a {interface.__name__} or a strategy of them, got {component!r}{hint}"
        )


def _shown(value: Any) -> str:
    if states.is_tensor(value):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        return str(value.tolist()) if 0 < value.size <= 12 else f"array of shape {value.shape}"
    return repr(value)
