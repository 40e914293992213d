"""Verdicts: right both ways, silent on noise, and never wrong more often than they may be."""

from itertools import product

import numpy as np
import pytest

from explorer.experiments import verdicts
from explorer.experiments.paper import STATEMENTS
from explorer.experiments.rules import LEAST, LEVEL, RULES
from explorer.experiments.verdicts import Part, judged, of_interval, part

SIZES = np.array([0.3, 0.1, 0.25, 0.05, 0.4, 0.2])
"""Six differences without a sign."""


def shown(*parts: Part) -> bool | None:
    return judged("F1", parts, "Numbers.").shown


def test_a_clear_effect_is_shown_its_reverse_is_not_and_noise_decides_nothing() -> None:
    noise = SIZES * [1, -1, 1, -1, -1, 1]
    assert shown(part(SIZES)) is True
    assert shown(part(-SIZES)) is False
    assert shown(part(noise)) is None
    assert shown(part(SIZES), part(noise)) is None
    assert shown(part(SIZES), part(-SIZES)) is False
    assert shown(part(SIZES[: LEAST - 1])) is shown(part(-SIZES[: LEAST - 1])) is None
    assert shown(part([])) is None
    for units in (LEAST - 1, LEAST):  # fewer decide nothing, so they are no test
        assert judged("F1", [part(noise[:units])], "").tested is (units == LEAST)


def test_of_noise_no_more_than_the_level_is_called_anything() -> None:
    """Exactly: without an effect every choice of signs is as likely as any other."""
    tested = [part(SIZES * signs) for signs in product((1, -1), repeat=len(SIZES))]
    wrong = {
        "one part": [shown(a) for a in tested],
        "two that go together": [shown(a, a) for a in tested],
        "two against each other": [shown(a, b) for a, b in zip(tested, tested[::-1], strict=True)],
        "two apart": [shown(a, b) for a, b in product(tested, tested)],
        "three apart": [
            shown(*(tested[k] for k in which))
            for which in np.random.default_rng(0).integers(0, len(tested), (4000, 3))
        ],
    }
    for how, verdict in wrong.items():
        sampled = 0.01 if len(verdict) == 4000 else 0.0  # three of its standard errors
        assert np.mean([v is not None for v in verdict]) <= LEVEL + sampled, how
    assert any(v is not None for v in wrong["one part"])


def test_what_may_be_larger_speaks_only_for_and_what_may_be_smaller_only_against() -> None:
    assert shown(part(SIZES, at_least=True)) is True and shown(part(-SIZES, at_least=True)) is None
    assert shown(part(SIZES, at_most=True)) is None and shown(part(-SIZES, at_most=True)) is False


def test_less_than_the_paper_has_is_not_shown_and_as_much_is() -> None:
    """Between nothing and what the paper has, the farther one says what decides."""
    noise = SIZES * [1, -1, 1, -1, -1, 1]
    assert shown(part(noise, expected=1)) is False
    assert shown(part(1 + noise, expected=1)) is True
    assert shown(part(1 + noise, expected=1, at_most=True)) is None
    assert shown(part(noise, expected=1, at_least=True)) is None
    for differences, leaning in ((noise, noise.mean() - 1), (noise + 0.7, noise.mean() + 0.7)):
        found = part(differences, expected=1)
        assert np.isclose(found.mean, leaning)
        assert found.needed == verdicts.deciding(leaning, noise.std(ddof=1))


def test_an_interval_says_on_which_side_of_nothing_it_lies() -> None:
    ends = {(0.1, 0.3): True, (-0.1, 0.3): None, (-0.3, -0.1): False}
    for (low, high), verdict in ends.items():
        found = judged("F9", [of_interval(low, high, (low + high) / 2, 8)], "Numbers.")
        assert found.shown is verdict and "p =" not in found.figure
    open_ = of_interval(-0.1, 0.3, 0.1, 8)
    assert open_.needed == verdicts.deciding(0.1, 0.2 / 1.95996 * 8**0.5)


@pytest.mark.parametrize("units", [5, 8, 20])
def test_of_noise_intervals_of_few_units_call_no_more_than_the_level_anything(units: int) -> None:
    draw = np.random.default_rng(0)
    wrong = []
    for values in draw.normal(size=(1500, units)):
        means = draw.choice(values, (400, units)).mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5])
        found = of_interval(low, high, values.mean(), units)
        wrong.append(min(found.favours, found.opposes) < 1)
    assert 0.01 < np.mean(wrong) <= LEVEL + 0.017  # three of its standard errors


def test_so_many_units_decide_as_are_said_to() -> None:
    units = verdicts.deciding(1.0, 1.0)
    assert units == 10
    draw = np.random.default_rng(0).normal(1.0, 1.0, (100, units))
    assert 0.7 < np.mean([shown(part(row)) is True for row in draw]) < 0.9
    assert verdicts.deciding(-1.0, 1.0) == units and verdicts.deciding(9.0, 1.0) == LEAST
    assert verdicts.deciding(0.0, 1.0) is None and verdicts.deciding(0.001, 1.0) is None
    assert verdicts.deciding(1.0, float("nan")) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.95, 1.0])
def test_so_many_restarts_hold_as_are_said_to(share: float) -> None:
    count = verdicts.restarts(share)
    assert count is not None and (1 - share) ** count <= LEVEL + 1e-12
    assert count == 1 or (1 - share) ** (count - 1) > LEVEL
    assert verdicts.restarts(0.0) is None


def test_an_open_verdict_says_what_would_decide_and_a_closed_one_does_not() -> None:
    noise = SIZES * [1, 1, 1, -1, 1, -1]
    found = judged("F2", [part(noise), part(SIZES)], "Numbers.", reason="Why.")
    assert found.needed == part(noise).needed and found.needed is not None
    assert found.figure.endswith(f"At this spread, {found.needed} texts would decide.")
    assert found.figure.startswith("Numbers. 6 texts: p = ") and found.reason == "Why."
    over = judged("F2", [part(SIZES)], "Numbers.", reason="Why.")
    assert over.needed is None and not over.reason and "would decide" not in over.figure
    even = judged("F2", [part([1, -1, 1, -1, 1, -1])], "Numbers.")
    assert even.needed is None and "not even 1,000 texts" in even.figure


def test_more_units_are_not_said_to_decide_what_they_cannot() -> None:
    """A bound speaks one way only, however many there are; and labels have no spread."""
    noise = SIZES * [1, 1, 1, -1, 1, -1]
    decides = f"{part(noise).needed} texts would decide"
    assert decides in judged("F2", [part(noise, at_least=True)], "").figure
    assert decides in judged("F2", [part(-noise, at_most=True)], "").figure
    for wrong in (part(noise, at_most=True), part(-noise, at_least=True)):
        found = judged("F2", [wrong, part(SIZES)], "")
        assert found.shown is None and found.needed is None and "would decide" not in found.figure
    against = judged("F2", [part(noise, at_most=True), part(-noise)], "")
    assert against.needed == part(noise).needed


def test_every_finding_of_the_paper_has_a_rule_that_says_all_three() -> None:
    assert {*RULES} == {f"F{k}" for k in range(1, 11)} | {"E11", "E12"} <= {*STATEMENTS}
    for name, rule in RULES.items():
        said = verdicts.Finding(name, None, "").rule
        told = ("Shown:", "Not shown:") if rule.test else ("No run is tested for it",)
        assert all(word in said for word in (*told, "inconclusive", rule.question))
        assert "{" not in said, name
    assert verdicts.Finding("I5", True, "").rule == ""


def test_what_was_measured_and_has_not_decided_does_not_decide() -> None:
    """Five texts fully for it and one a little against it: p = 2/64, and the spread is small."""
    found = judged("F10", [part([0.5] * 5 + [-1 / 6])], "16 of 18 pairs.")
    assert found.shown is None and found.needed == 9
    assert judged("F10", [part([0.5] * 8 + [-1 / 6])], "").shown


def test_a_p_value_is_said_without_a_point_at_its_end() -> None:
    said = {0.9999: "1", 1.0: "1", 0.5: "0.5", 0.0163: "0.016", 0.001: "0.001", 0.0004: "0.0004"}
    assert {p: verdicts.p_value(p) for p in said} == said
