"""Paths between two solutions of one text: straight lines and trained curves (checklist E8, H6)."""
