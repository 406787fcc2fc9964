"""Figures: pure functions from arrays to `matplotlib.figure.Figure`, one a file; no pyplot, no global settings."""
