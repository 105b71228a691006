"""From landmarks to the angles, lengths and ratios that orthodontists read."""

from landmarks.measurements.constructs import Measurement
from landmarks.measurements.measure import available, difference, facing, measure
from landmarks.measurements.table import BY_NAME, MEASUREMENTS, OTHER_LANDMARKS

__all__ = ["BY_NAME", "MEASUREMENTS", "OTHER_LANDMARKS", "Measurement", "available", "difference", "facing", "measure"]
