"""Numbers, and long texts on one line, as a person reads them."""

import math

from explorer.base.language import amount, later, tr

NEARLY_ONE = (1 / 1.05, 1.05)
"""Ratios between which two speeds count as alike: a 1.0 is what a reader would see."""
_STEPS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_DAY = 24 * 60
_LONG = (
    (730 * _DAY, later("years"), 365.25 * _DAY),
    (60 * _DAY, later("months"), 30.44 * _DAY),
    (14 * _DAY, later("weeks"), 7 * _DAY),
    (2 * _DAY, later("days"), _DAY),
)
"""From how many minutes on a duration is said in a unit, and the minutes of one."""


def shortened(text: str, most: int = 90) -> str:
    """Return a text on one line, cut: as an option of a list, which shows it as it is."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def human_count(number: int) -> str:
    """Return a count in three digits: 134515008 -> "135M", 1235814400 -> "1.24B"."""
    for size, letter in _STEPS:
        if number >= 0.9995 * size:
            return _three_digits(number / size) + letter
    return str(number)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: 1 -> "1 pair", 1200 -> "1,200 pairs".

    The noun and the number are written as in the language of who looks.

    Args:
        number: how many.
        noun: for one.
        plural: for any other number, if it is more than an s away.
    """
    more = plural or f"{noun}s"
    return f"{amount(f'{number:,}')} {tr(noun if number == 1 else more)}"


def speed(ratio: float) -> str:
    """Return how fast something is beside something else: "13 times as fast", "1.4 times as slow".

    Args:
        ratio: how many times as long the other takes.
    """
    if not NEARLY_ONE[0] <= ratio <= NEARLY_ONE[1]:
        times = max(ratio, 1 / ratio)
        said = f"{times:,.0f}" if times >= 9.95 else f"{times:.1f}"
        if ratio > 1:
            return tr("{times} times as fast", times=said)
        return tr("{times} times as slow", times=said)
    return tr("about as fast")


def plus_minus(mean: float, deviation: float, decimals: int = 2) -> str:
    """Return a mean with its deviation; alone where there is no deviation."""
    alone = f"{mean:.{decimals}f}"
    return f"{alone} ± {deviation:.{decimals}f}" if deviation == deviation else alone


def human_bytes(number: int) -> str:
    """Return a size in bytes in three digits, in powers of 1000: 92871040 -> "92.9 MB"."""
    for size, letter in _STEPS:
        if number >= 0.9995 * size:
            return f"{_three_digits(number / size)} {letter.replace('B', 'G')}B"
    return f"{number} B"


def human_seconds(seconds: float) -> str:
    """Return a duration as it is said.

    0.213 -> "213 ms", 7.31 -> "7.3 s", 75 -> "1:15 min", 5400 -> "1:30 h"; from two days on in one
    unit: "3 days", "5 weeks", "2 months", "3 years".
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    for least, unit, length in _LONG:
        if minutes >= least:
            return f"{round(minutes / length)} {tr(unit)}"
    return f"{minutes // 60}:{minutes % 60:02d} h"


def nats(value: float) -> str:
    """Return an amount of information: 31.2 -> "31.2 nats · 45 bits"."""
    if not math.isfinite(value):
        return tr("not a number")
    return f"{value:.1f} nats · {value / math.log(2):.0f} bits"


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"
