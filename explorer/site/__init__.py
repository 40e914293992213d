"""The recorded results as one folder of HTML that needs no server.

In: what ships with the project. Out: files. Must not know: how results are made, Streamlit.
"""
