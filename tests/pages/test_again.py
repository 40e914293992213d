"""Running a page again: whoever clicked a link meanwhile is not taken back."""

from streamlit.testing.v1 import AppTest


def script() -> None:
    """Run itself again; in its first run somebody clicks a link just before."""
    import streamlit as st
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
    from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

    from widgets.again import run_again

    st.session_state.seen = [*st.session_state.get("seen", []), st.query_params.to_dict()]
    if len(st.session_state.seen) == 1:
        context = get_script_run_ctx()
        assert context is not None and context.script_requests is not None
        if st.session_state.get("clicks"):
            context.script_requests.request_rerun(RerunData(query_string="tour=2"))
        run_again()
    st.write("done")


def test_a_link_that_was_clicked_meanwhile_is_followed() -> None:
    app = AppTest.from_function(script)
    app.session_state.clicks = True
    app.run()
    assert not app.exception and app.markdown[0].value == "done"
    assert app.session_state.seen == [{}, {"tour": "2"}]


def test_without_one_the_page_runs_again() -> None:
    app = AppTest.from_function(script)
    app.query_params["view"] = "projector"
    app.run()
    assert app.session_state.seen == [{"view": "projector"}] * 2
