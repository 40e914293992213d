"""Leaving a long computation in the middle: whoever lets it run says when, it says where.

One optimiser step of a long text takes a minute on a CPU, and a person who presses Stop waits for
it. So between two layers, batches or chunks `check` asks whoever listens, and raises `Interrupted`
if the work is not wanted any more; only inside `abandonable`, where nothing has changed yet. Free
of torch.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

_ask: ContextVar[Callable[[], bool] | None] = ContextVar("ask", default=None)
_may: ContextVar[bool] = ContextVar("may", default=False)


class Interrupted(Exception):  # noqa: N818 (nothing went wrong)
    """The computation was left in the middle; nothing has changed, and it can be begun again."""


@contextmanager
def _during(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)


def listening(ask: Callable[[], bool]) -> AbstractContextManager[None]:
    """Let `ask` say, during a block, whether what is computed is to be left.

    Args:
        ask: returns True if so; called often, so it looks only now and then itself.
    """
    return _during(_ask, ask)


def abandonable() -> AbstractContextManager[None]:
    """Mark a block that can be left at every `check`: what it computes is used only after it."""
    return _during(_may, True)


def unbroken() -> AbstractContextManager[None]:
    """Mark a block that is not to be left although the one around it can be."""
    return _during(_may, False)


def check() -> None:
    """Leave the computation here if that is wanted, and if it can be left.

    Raises:
        Interrupted: if so.
    """
    ask = _ask.get()
    if ask is not None and _may.get() and ask():
        raise Interrupted


def check_between(layers: Iterable[Any]) -> None:
    """Let modules of torch check whenever one of them begins, on the way there and back."""
    for layer in layers:
        layer.register_forward_pre_hook(_begin, with_kwargs=True)


def _begin(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    check()
    states: Any = given[0] if given else named.get("hidden_states")
    if getattr(states, "requires_grad", False):
        states.register_hook(lambda _: check())
