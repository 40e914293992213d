"""What comes from elsewhere: models, their files and tokenizers, and text collections.

In: a name, a hub id or a folder. Out: a complete folder on this disk, its facts and fingerprint,
token ids. Must not know: how a model computes. Torch is imported by `conversion` alone, in a
process of its own.
"""
