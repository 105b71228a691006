"""The points of one film, and their drawing."""

from landmarks.tracing.points import Tracing

__all__ = ["Tracing"]
