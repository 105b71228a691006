"""Analyses that orthodontists know by name, on the points of one film."""

from landmarks.analyses.apply import AnalysisResult, ClassReading, Reading, analyse
from landmarks.analyses.table import ANALYSES, PLANES, Analysis, analyses_of

__all__ = ["ANALYSES", "PLANES", "Analysis", "AnalysisResult", "ClassReading", "Reading", "analyse", "analyses_of"]
