"""The page e against m: nothing measured, measured, and what sharing changes."""

from collections.abc import Callable

import pytest

from explorer.geometry import roles
from explorer.geometry.distances import KINDS
from explorer.geometry.roles import Noise, OverContexts, Probe, Radius, RolesReport, Swap
from explorer.jobs import client
from explorer.solutions import sets
from explorer.specs.jobs import RolesSpec
from tests.pages.driving import open_page, texts_of

MakeSet = Callable[..., str]
pytestmark = pytest.mark.usefixtures("without_shipped")


def measured(name: str, m: float | None) -> RolesReport:
    """Keep a made-up report: e is read right .6 of the time, m as said; None: one m for all."""
    record = sets.load(sets.find(name))
    around = [0.02, -0.02, 0.01, -0.01, 0.03, -0.03]
    read = {"e": 0.6, "m": m}
    made = RolesReport(
        set=name, model="tiny", length=3, arrangement="e+mN", regime=record.spec.regime, layers=2,
        contexts=[c.text for c in record.contexts], solutions=30, texts=18, notes=[],
        probes=[
            Probe.of([value + a for a in around[:: 1 if v == "e" else -1]], p=0.03, vector=v,
                     layer=layer, target="meaning")
            for v, value in read.items() for layer in (0, 1, 2)
            if value is not None
        ],
        swaps=[] if m is None else [
            Swap(kind=k, pairs=9, of_e=OverContexts.of([q] * 6), of_m=OverContexts.of([0.5] * 6))
            for k, q in zip(KINDS, (0.1, 0.2, 0.3), strict=True)
        ],
        noise=[Noise.of([1 - length] * 6, vector=v, length=length)
               for v in "em" for length in (0.25, 0.5)],
        radii=[Radius.of([-3.0 - (m is None)] * 6, vector=v) for v in "em"],
    )  # fmt: skip
    roles.REPORTS.save(record, made)
    return made


def test_measuring_is_asked_of_the_worker(make_set: MakeSet) -> None:
    name = make_set()
    app = open_page("roles")
    assert not app.exception and "not been measured yet" in texts_of(app)
    app.button(key="measure-roles").click().run()
    assert [job.spec for job in client.jobs()] == [RolesSpec(set=name)]


@pytest.mark.parametrize(
    ("m", "verdict"),
    [(0.9, "Shown here"), (0.3, "Not shown here"), (0.6, "Inconclusive")],
)
def test_the_verdict_and_its_rule_are_on_the_page(
    m: float, verdict: str, make_set: MakeSet
) -> None:
    made = measured(make_set(contexts=6), m)
    app = open_page("roles")
    assert not app.exception and not app.error
    said = texts_of(app)
    assert f"{verdict}]" in said and made.sentence in said and made.stands in said
    (claim,) = [each for each in app.markdown if each.value == roles.CLAIM]
    assert "flipped" in claim.proto.help and "2.5%" in claim.proto.help
    swaps = next(d.value for d in app.dataframe if "pairs" in d.value.columns)
    assert swaps["correct for m's text"].str.startswith("50%").all() and len(swaps) == 3


def test_sharing_is_compared_with_the_set_that_differs_in_it_alone(make_set: MakeSet) -> None:
    shared, free = make_set(contexts=6, regime="shared"), make_set(contexts=6)
    measured(free, 0.6)
    measured(shared, None)
    app = open_page("roles", set=shared)
    assert not app.exception and not app.error
    table = next(d.value for d in app.dataframe if "shared minus free" in d.value.columns)
    row = table.set_index("e").loc["doublings of noise that it stands"]
    assert row["shared minus free"] == "-1.00" and row["p less"] == round(1 / 64, 3)


def test_a_set_that_cannot_be_read_spoils_no_other(make_set: MakeSet) -> None:
    shared, free = make_set(contexts=6, regime="shared"), make_set(contexts=6)
    broken = make_set(contexts=6, seed=1)
    for name, m in ((free, 0.6), (shared, None), (broken, 0.6)):
        measured(name, m)
    next(sets.find(broken).glob("*.safetensors")).write_bytes(b"damaged")
    app = open_page("roles", set=shared)
    assert not app.exception and not app.error
    assert any("shared minus free" in d.value.columns for d in app.dataframe)
    assert "roles-target" in [control.key for control in app.segmented_control]
