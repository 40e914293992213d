"""The tour: five stops on live pages, each with one thing to do and one thing to see.

A link names a stop (`?tour=2`). Who opens the first page for the first time is taken along; their
browser remembers that (`tour.js`). Recorded results are enough for every stop.
"""

from dataclasses import dataclass, field

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from explorer.assets import catalog
from explorer.base.language import later, tr
from widgets import language, sources
from widgets.again import run_again

PARAMETER = "tour"


@dataclass(frozen=True)
class Stop:
    """One stop: a page, and what stands in the bar below it.

    Attributes:
        title: what it is about.
        page: the file in pages/, without its ending.
        do: one thing to do on that page; what it names in italics can be read there.
        see: one thing to see.
        notes: what a presenter can say.
        query: what else the page's link says.
        without_model: what to do instead where the embedded model is not on this machine.
    """

    title: str
    page: str
    do: str
    see: str
    notes: str
    query: dict[str, str] = field(default_factory=dict)
    without_model: str = ""


STOPS = (
    Stop(
        later("What goes in"),
        "reconstruct",
        later(
            "Look at the drawing in *How it works*, then scroll down and press ▶ below the text."
        ),
        later(
            "The top row is all that goes in: e once, and m again and again, once for each token. "
            "Every m is the same vector and looks back to e from a place of its own. Training "
            "changes these two vectors until the model outputs the text."
        ),
        later(
            "Ask first how many different inputs the class expects for a sentence of nineteen "
            "tokens. There are two. Nothing about the text is in the model, which is frozen: all "
            "of it is in the numbers of e and m. Blue boxes are correct tokens, orange dashed "
            "ones are wrong."
        ),
    ),
    Stop(
        later("Press Start and watch"),
        "reconstruct",
        later("Write a sentence of your own under *Your text* and press *Start*."),
        later(
            "Orange boxes turn blue, several in one step: no token has to wait for the one before "
            "it."
        ),
        later(
            "A sentence of up to 24 tokens takes seconds to a few minutes on two processor cores. "
            "Meanwhile: ordinary generation makes one token after another, and each sees those "
            "before it. Here all tokens come out of the same pass. Suggest a sentence nobody has "
            "ever written."
        ),
        without_model=later(
            "The model is not on this machine yet, so choose another recorded run above "
            "the text and press ▶."
        ),
    ),
    Stop(
        later("One text, two starts"),
        "maps",
        later(
            "Find two points with the same color and the same mark, and click one of them (on a "
            "phone, tap it twice): every point with its text gets a thick rim, and the text stands "
            "below the map."
        ),
        later(
            "Each point is a trained e. Points with a rim output the same text, and often they lie "
            "far apart: a text has many solutions."
        ),
        later(
            "The same text, trained from several random starts, ends in several places. The map "
            "flattens hundreds of dimensions to two, so sizes and gaps mean nothing; who is near "
            "whom does. *Near: same text* says how often a neighbor has the same text, and how "
            "often it would by chance."
        ),
        {"colour": "output text"},
    ),
    Stop(
        later("The way between them"),
        "paths",
        later(
            "Under *One pair*, press ▶ to walk from one solution to the other, on the straight "
            "line and on the curve at once."
        ),
        later(
            "On the line the text falls apart. The curve was trained to keep it, and for this pair "
            "it does; *Connected pairs* says for how many."
        ),
        later(
            "Take any two solutions of one text. Halfway between them, on the straight line, the "
            "model outputs something else. A curve with one trained control point goes around. It "
            "does not work for every pair."
        ),
    ),
    Stop(
        later("Inside the one pass"),
        "inside",
        later("Press ▶ below the text to go through the model layer by layer."),
        later(
            "Every input after e is the same m, and still each position becomes a different word, "
            "most of them only in the last layers. That is all: two vectors, one pass, many "
            "solutions, and curves between them."
        ),
        later(
            "Each frame asks what the model would output if it stopped after this layer. *Where "
            "positions look* shows the attention to e: in the recorded example e gets 63% of it. "
            "*What is needed* shows what for: where e cannot be seen in one of the layers 2 to 11, "
            "hardly a token is right."
        ),
    ),
)


def visited() -> int | None:
    """Return the number of the stop that the link names, from 1; None: there is no such stop."""
    named = st.query_params.get(PARAMETER, "")
    return int(named) if named in map(str, range(1, len(STOPS) + 1)) else None


def show(page: StreamlitPage) -> None:
    """Show the bar of the stop that the link names, on its page; offer the tour to who is new.

    Args:
        page: the page that is open.
    """
    number = visited()
    embedded = getattr(st.context, "is_embedded", False)
    asked = set(st.query_params) - {language.LANGUAGE}
    bare = page.url_path == "" and not asked and not embedded
    if _is_new(offered=bare or number is not None) and bare:  # not who has gone on meanwhile
        st.query_params[PARAMETER] = "1"
        run_again()
    if number is None:
        return
    stop = STOPS[number - 1]
    if (page.url_path or "reconstruct") != stop.page:
        st.switch_page(f"pages/{stop.page}.py", query_params=_query(number))
    st.query_params[PARAMETER] = str(number)  # the browser's address follows a link to this page
    _card(number, stop)


def _is_new(*, offered: bool) -> bool:
    """Return whether this browser is offered the tour for the first time; it remembers that."""
    component = sources.component("tour", "tour.js")
    with st.container(key="first-visit"):
        result = component(key="tour", data={"offered": offered}, on_start_change=lambda: None)
    return bool(result.get("start"))


def _card(number: int, stop: Stop) -> None:
    do = stop.do
    if stop.without_model and catalog.known_models()[0].folder is None:
        do = stop.without_model
    with st.container(key="tour-card"):
        said, ways = st.columns([3, 1], vertical_alignment="center")
        said.markdown(
            tr(
                "**{number} of {total} · {title}**  \n:material/touch_app: **Do:** {do}  \n"
                ":material/visibility: **See:** {see}",
                number=number,
                total=len(STOPS),
                title=tr(stop.title),
                do=tr(do),
                see=tr(stop.see),
            )
        )
        with ways.container(
            horizontal=True, horizontal_alignment="right", gap="small", vertical_alignment="center"
        ):
            if number > 1:
                link(tr("Back"), number - 1, ":material/arrow_back:")
            if number < len(STOPS):
                link(tr("Next"), number + 1, ":material/arrow_forward:")
            with st.popover(
                tr("Notes"), icon=":material/speaker_notes:", type="tertiary", key="tour-notes"
            ):
                st.markdown(tr("**For the presenter.** {notes}", notes=tr(stop.notes)))
            if st.button(tr("End tour"), icon=":material/close:", type="tertiary", key="end-tour"):
                del st.query_params[PARAMETER]
                run_again()


def link(label: str, number: int, icon: str) -> None:
    """Show a link to a stop."""
    st.page_link(
        f"pages/{STOPS[number - 1].page}.py", label=label, icon=icon, query_params=_query(number)
    )


def _query(number: int) -> dict[str, str]:
    kept = {name: st.query_params[name] for name in ("view", "embed") if name in st.query_params}
    chosen = {name: tr(option) for name, option in STOPS[number - 1].query.items()}
    return {PARAMETER: str(number)} | chosen | kept
