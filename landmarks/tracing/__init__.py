"""The points of one film, and their drawing."""

from landmarks.tracing.outlines import Outline, outlines
from landmarks.tracing.points import SCALE_ORIGINS, Tracing
from landmarks.tracing.svg import ON_FILM, ON_PAPER, Style, tracing_group, tracing_svg

__all__ = ["ON_FILM", "ON_PAPER", "SCALE_ORIGINS", "Outline", "Style", "Tracing", "outlines", "tracing_group", "tracing_svg"]
