"""Heatmap models that find anatomical landmarks on lateral cephalograms."""

__version__ = "0.1.0"
