"""What pages share: widgets that own their session-state keys; only they and pages use Streamlit.

In: links, clicks, results of `explorer`. Out: what is drawn, jobs in the queue. Must not know: how
anything is computed, torch.

Many modules: one for each thing on a page, so that a page is a list of calls; scripts and styles
lie beside the module that mounts them.
"""
