"""Pictures of what recurrent models do: capture (a model to arrays), figures (arrays to Figure), write (to a file)."""

if __name__ != "kerasrnn.viz":
    raise ImportError("import this package as `kerasrnn.viz`: a second copy would not be the one that the CLI uses")
