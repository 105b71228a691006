"""Published norms with their evidence, and the one that fits a patient."""

from landmarks.norms.norms import EVIDENCE, KINDS, Chosen, Norm, Patient, Sample, choose
from landmarks.norms.reading import Definitions, NormsError, read_definitions, standard

__all__ = [
    "EVIDENCE", "KINDS", "Chosen", "Definitions", "Norm", "NormsError", "Patient", "Sample", "choose", "read_definitions",
    "standard",
]  # fmt: skip
