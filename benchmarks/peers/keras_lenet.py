"""LeNet in Keras, on PyTorch: built, and its parameters counted."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((1, 32, 32)),
        layers.Conv2D(6, 3, activation="relu", data_format="channels_first"),
        layers.MaxPooling2D(2, data_format="channels_first"),
        layers.Conv2D(16, 3, activation="relu", data_format="channels_first"),
        layers.MaxPooling2D(2, data_format="channels_first"),
        layers.Flatten(),
        layers.Dense(120, activation="relu"),
        layers.Dense(84, activation="relu"),
        layers.Dense(10),
    ]
)
assert model.count_params() == 81_194
