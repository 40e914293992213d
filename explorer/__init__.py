"""Proto-tokens: two trained vectors that make a frozen language model say a whole text at once.

The package knows nothing of Streamlit. Data flows one way:
texts -> target -> training -> solution -> store -> analysis -> figure -> page.
"""

__version__ = "0.1.0"
