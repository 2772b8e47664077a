"""The networks of Keras whose files lie here, with the outputs that Keras gives: how they were made.

With tensorflow-cpu 2.21.0, keras 3.15.1 and tf2onnx 1.17.0: ``python networks.py``. No test runs this; nothing of it is
installed with specc.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers


def in_a_row(shape: tuple[int | None, ...], *row: Any) -> Any:
    x = image = keras.Input(shape, name="image")
    for layer in row:
        x = layer(x)
    return keras.Model(image, x)


def plain() -> Any:
    return in_a_row(
        (16, 12, 3),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(5, activation="softmax"),
    )


def separable() -> Any:
    return in_a_row(
        (16, 12, 3),
        layers.SeparableConv2D(6, 3, padding="same", use_bias=False),
        layers.BatchNormalization(epsilon=1e-3),
        layers.ReLU(6.0),
        layers.DepthwiseConv2D(3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.Activation("swish"),
        layers.GlobalAveragePooling2D(),
        layers.Dropout(0.2),
        layers.Dense(5),
    )


def residual() -> Any:
    """With squeeze and excitation, and a dense layer behind what is flattened with its channels last."""
    image = keras.Input((15, 13, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    y = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", name="b1")(x))
    y = layers.Conv2D(8, 1, name="b2")(layers.LeakyReLU()(y))
    x = layers.ReLU()(layers.Add()([x, y]))
    s = layers.Dense(2, activation="relu")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    x = layers.Multiply()([x, layers.Dense(8, activation="sigmoid")(s)])
    x = layers.Conv2D(8, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (1, 0)))(x))
    x = layers.Flatten()(layers.AveragePooling2D(2, padding="same")(x))
    return keras.Model(image, layers.Dense(3)(layers.Dense(7, activation="elu")(x)))


def unet() -> Any:
    image = keras.Input((16, 16, 1), name="image")
    a = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    gelu = lambda t: keras.activations.gelu(t, approximate=True)  # noqa: E731
    b = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation=gelu)(layers.MaxPooling2D(2)(a))
    c = layers.Concatenate()([layers.Conv2DTranspose(4, 2, strides=2)(b), a])
    c = layers.Concatenate()([c, layers.UpSampling2D(2, interpolation="bilinear")(b), layers.UpSampling2D(2)(b)])
    c = layers.PReLU(shared_axes=[1, 2])(layers.Conv2DTranspose(4, 3, strides=1, padding="same")(c))
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(c))


def norms() -> Any:
    return in_a_row(
        (15, 13, 1),
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu6"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.LayerNormalization(),
        layers.Cropping2D(1),
        layers.GroupNormalization(2),
        layers.Conv2D(1, 1, activation="hard_sigmoid"),
    )


def signal() -> Any:
    given = keras.Input((40, 2), name="signal")
    x = layers.BatchNormalization()(layers.Conv1D(6, 5, strides=2, padding="same", activation="relu")(given))
    x = layers.Conv1D(4, 3, padding="causal", activation="tanh")(layers.MaxPooling1D(2)(x))
    x = layers.SeparableConv1D(4, 3, padding="same")(x)
    pooled = [layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)]
    return keras.Model(given, layers.Dense(3, activation="softmax")(layers.Concatenate()(pooled)))


def open_sizes() -> Any:
    return in_a_row(
        (None, None, 3),
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3),
    )


def main() -> None:
    outputs = {}
    for make in (plain, separable, residual, unet, norms, signal, open_sizes):
        model = make()
        random = np.random.default_rng(0)
        drawn = [random.normal(size=each.shape) for each in model.get_weights()]
        positive = ["variance" in each.path or "gamma" in each.path for each in model.weights]
        model.set_weights([np.abs(d) + 0.5 if p else 0.4 * d for d, p in zip(drawn, positive, strict=True)])
        sizes = [n or 20 for n in model.input_shape[1:]]
        x = np.random.default_rng(1).normal(size=(2, *sizes)).astype(np.float32)
        outputs[make.__name__] = model(x, training=False).numpy()
        given = [tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="image")]
        run = tf.function(lambda t, model=model: model(t, training=False), input_signature=given)
        tf2onnx.convert.from_function(run, given, opset=13, output_path=f"{make.__name__}.onnx")
    np.savez_compressed("outputs.npz", **outputs)


if __name__ == "__main__":
    main()
