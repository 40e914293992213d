"""What pages share: widgets that own their session-state keys. The only users of Streamlit."""
