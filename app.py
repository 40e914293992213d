"""Entry point: `streamlit run app.py`. The server with its routes; page config, navigation.

The server imports this file and finds `app`; for every page that opens it is run as a script.
"""

import streamlit as st
from starlette.middleware import Middleware

from explorer.base.language import tr
from widgets import charts, guard, language, menu, projector, start, tour, who
from widgets.packed import Packed
from widgets.push import Push
from widgets.visitors import Visitors


def main() -> None:
    """Show the page that is asked for."""
    language.begin()
    st.set_page_config(
        "Proto-Token Explorer",
        page_icon=start.ICON,
        layout="wide",
        initial_sidebar_state="collapsed",  # on a phone it covers the page
        menu_items={"About": start.about()},
    )
    start.server()
    start.entry()
    start.style()
    start.worker()
    who.show()
    groups = {
        "": [
            st.Page(
                "pages/reconstruct.py",
                title=tr("Reconstruct"),
                icon=":material/bolt:",
                default=True,
            ),
            st.Page("pages/library.py", title=tr("Library"), icon=":material/inventory_2:"),
            st.Page("pages/classroom.py", title=tr("Class"), icon=":material/groups:"),
            st.Page("pages/glossary.py", title=tr("Glossary"), icon=":material/dictionary:"),
        ],
        tr("Solutions"): [
            st.Page("pages/sets.py", title=tr("Sets"), icon=":material/dataset:"),
            st.Page("pages/distances.py", title=tr("Distances"), icon=":material/social_distance:"),
            st.Page("pages/maps.py", title=tr("Maps"), icon=":material/scatter_plot:"),
            st.Page("pages/paths.py", title=tr("Paths"), icon=":material/timeline:"),
            st.Page("pages/landscape.py", title=tr("Landscape"), icon=":material/landscape:"),
            st.Page("pages/inside.py", title=tr("Inside"), icon=":material/search_insights:"),
            st.Page("pages/roles.py", title=tr("e against m"), icon=":material/balance:"),
        ],
        tr("Experiments"): [
            st.Page("pages/arrangements.py", title=tr("Arrangements"), icon=":material/view_week:"),
            st.Page("pages/sharing.py", title=tr("Sharing"), icon=":material/group_work:"),
            st.Page("pages/capacity.py", title=tr("Capacity"), icon=":material/stairs_2:"),
            st.Page("pages/throughput.py", title=tr("Throughput"), icon=":material/speed:"),
            st.Page("pages/training_time.py", title=tr("Training time"), icon=":material/timer:"),
            st.Page("pages/readout.py", title=tr("Read-out"), icon=":material/record_voice_over:"),
            st.Page("pages/paper.py", title=tr("Paper vs here"), icon=":material/compare:"),
        ],
    }
    page = st.navigation(groups, position="top")
    projector.show(page, [each for group in groups.values() for each in group])
    menu.show()
    tour.show(page)
    charts.begin()
    page.run()
    charts.offer_all()
    language.let_browsers_translate()


if __name__ == "__main__":
    main()
else:
    start.announce_host()
    base_path = st.get_option("server.baseUrlPath")
    push = Push(base_path)
    visitors = Middleware(Visitors, base_path=base_path)
    around = [visitors, Middleware(Packed)]
    app = st.App(
        __file__,
        routes=push.routes,
        lifespan=push.lifespan,
        middleware=around,
        on_script_error=guard.unforeseen,
    )
