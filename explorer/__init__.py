"""Proto-tokens: two trained vectors that make a frozen language model say a whole text at once.

The packages in the order of the data; each imports only those before it:
base (errors, files, words), runtime (this machine), specs (what can be asked for),
assets (models and texts that are fetched), texts (where targets come from),
solutions (what training leaves), model (the frozen model), training (the optimisation),
paths, inside and landscape (between, inside and around solutions), geometry (how far apart),
experiments (the paper's), estimates (how long it takes), figures (results to charts),
jobs (the queue), people (who asks for what), tasks (everything that computes),
cluster (the same on many machines), library (all that is kept),
worker (the process that carries jobs out), site (recorded results as HTML),
cli (the command line). `explorer.api` is all of it as a library.
None knows of Streamlit: `pages/` and `widgets/` use them.
"""

__version__ = "0.1.0"
