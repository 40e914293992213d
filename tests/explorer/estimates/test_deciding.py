"""What would decide a finding: a command that can be read, of the size that is needed."""

import shlex

import pytest

from explorer.assets import catalog
from explorer.cli.main import parser
from explorer.estimates import deciding
from explorer.experiments.catalogue import EXPERIMENTS
from explorer.experiments.rules import LEAST, RULES
from explorer.experiments.verdicts import Finding
from explorer.texts import unseen

MODEL = catalog.known_models()[0].name


@pytest.mark.parametrize("name", list(RULES))
@pytest.mark.parametrize("needed", [None, 50])
def test_the_command_can_be_run_and_says_how_long_it_takes(name: str, needed: int | None) -> None:
    command, takes = deciding.deciding(Finding(name, None, "", needed), MODEL)
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "explorer"] and "CPU cores" in takes
    found = parser().parse_args(words[3:])
    if "--contexts" in words:
        assert found.contexts == (needed or 20)


@pytest.mark.parametrize("name", ["arrangements", "sharing", "training-time", "readout"])
def test_the_size_evening_has_units_enough_for_a_verdict(name: str) -> None:
    settings = EXPERIMENTS[name].preset("evening", catalog.known_models()[0]).model_dump()
    units = settings.get("contexts", settings.get("texts"))
    sizes = [size for size in settings.get("group_sizes", (1,)) if units // size >= LEAST]
    assert units >= LEAST and (name != "sharing" or max(sizes) > 1)


def test_more_is_asked_for_where_the_spread_says_so() -> None:
    def texts(name: str, needed: int) -> str:
        return deciding.deciding(Finding(name, None, "", needed), MODEL)[0]

    assert "--set" not in texts("F1", LEAST) and "--set texts=50" in texts("F1", 50)
    assert texts("E12", 90).endswith("--set contexts=90")
    assert "texts=8" in texts("F6", LEAST) and "texts=50" in texts("F6", 50)
    assert "--set texts=240" in texts("F3", 25)  # groups of eight, in whole ones of 48


@pytest.mark.parametrize("name", list(RULES))
@pytest.mark.parametrize("needed", [130, 190, 640])
def test_no_command_asks_for_more_than_a_run_or_set_can_have(name: str, needed: int) -> None:
    """A run has 200 texts at most, of sharing 1,024, and 2,000 solutions can be compared."""
    command, takes = deciding.deciding(Finding(name, None, "", needed), MODEL)
    at_most = {"F3": 128, "F4": 1000, "F8": 181, "F9": 181, "F10": 1000}.get(name, 200)
    assert bool(command) is bool(takes) is (needed <= at_most)
    if command:
        parser().parse_args(shlex.split(command)[3:])


def test_more_texts_are_not_asked_of_a_source_that_has_fewer() -> None:
    for needed in (unseen.count(), unseen.count() + 1):
        command = deciding.deciding(Finding("F5", None, "", needed), MODEL)[0]
        named = next((w for w in shlex.split(command) if w.startswith("sources=")), "unseen")
        assert ("unseen" in named) is (needed == unseen.count()) and f"texts={needed}" in command


def test_what_is_decided_needs_no_command() -> None:
    for shown in (True, False):
        assert deciding.deciding(Finding("F1", shown, "", 50), MODEL) == ("", "")
    assert deciding.deciding(Finding("I5", None, ""), MODEL) == ("", "")


def test_another_model_is_named_also_one_that_is_gone() -> None:
    hub = catalog.paper_models()[0].name
    command, _ = deciding.deciding(Finding("F2", None, ""), hub)
    assert f"--model {hub}" in command
    gone, _ = deciding.deciding(Finding("F2", None, ""), "/nowhere/at all")
    assert shlex.split(gone)[5:7] == ["--model", "/nowhere/at all"]
