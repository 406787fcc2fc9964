"""Trained recurrent models: load one, look inside, export it."""

if __name__ != "kerasrnn.zoo":
    raise ImportError("import this package as `kerasrnn.zoo`: a second copy would register its classes twice")
