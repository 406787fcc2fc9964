"""Tasks: a trained model with its text handling, from raw input to results."""
