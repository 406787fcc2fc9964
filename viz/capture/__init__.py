"""Capture: a Keras model and its inputs to named arrays, by watching the real run."""
