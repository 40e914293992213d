"""One of a few, side by side: a choice that is always made; and what tells options apart."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from explorer.base.language import tr

Option = TypeVar("Option")


def told_apart(
    names: Mapping[Option, str],
    ids: Callable[[Option], Sequence[str]] = lambda option: (str(option),),
) -> dict[Option, str]:
    """Return what options are called; those called alike with as much of their ids as is needed.

    Streamlit sends back what an option is called, and takes the last of those called alike.

    Args:
        names: what each is called.
        ids: what it is known by.
    """
    found = dict(names)
    for length in (6, None):
        alike = Counter(found.values())
        for option, name in found.items():
            if alike[name] > 1:
                found[option] = " · ".join([names[option], *(i[:length] for i in ids(option))])
    return found


def one_of(
    label: str,
    options: Mapping[Option, str] | Sequence[Option],
    default: Option | None = None,
    **more: Any,
) -> Option:
    """Show options side by side and return the chosen one.

    Args:
        label: what is chosen.
        options: what there is, each with what it is called; or each called as it is.
        default: what is chosen before anybody has; None: the first.
        **more: as `st.segmented_control` takes it.
    """
    names = options if isinstance(options, Mapping) else {option: option for option in options}
    first = next(iter(names)) if default is None else default
    how: dict[str, Any] = {"format_func": lambda option: tr(str(names[option]))} | more
    chosen = st.segmented_control(label, list(names), default=first, required=True, **how)
    return first if chosen is None else chosen
