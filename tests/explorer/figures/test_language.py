"""Charts speak the language of who looks: titles, axes, and what to look at."""

import gettext

import pytest

from explorer.base import language
from explorer.figures import stored

UNTRANSLATED = {"t"}


class Marking(gettext.NullTranslations):
    """A language in which every sentence stands between marks."""

    def gettext(self, message: str) -> str:
        return f"«{message}»"


SHIPPED = [k for k, (collection, _) in enumerate(stored.KINDS) if collection.shipped()]


@pytest.mark.parametrize("kind", SHIPPED)
def test_no_title_and_no_axis_stays_english(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "words_of", lambda _code: Marking())
    collection, draw = stored.KINDS[kind]
    charts = draw(collection.shipped()[0])
    assert charts
    for chart in charts:
        axes = [*chart.figure.select_xaxes(), *chart.figure.select_yaxes()]
        titles = [chart.figure.layout.title.text, *(axis.title.text for axis in axes)]
        for said in (chart.look, *filter(None, titles)):
            assert said in UNTRANSLATED or "«" in said, chart.key
