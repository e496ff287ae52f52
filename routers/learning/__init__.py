"""Fits the heads of the classifier to graded requests of one deployment; the encoding stays as it is."""
