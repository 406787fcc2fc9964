"""How a class of this package becomes known to Keras' saving."""

import keras

register = keras.saving.register_keras_serializable(package="kerasrnn")
