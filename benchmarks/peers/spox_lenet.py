"""LeNet in ONNX by hand, with spox: python benchmarks/peers/spox_lenet.py FILE"""

import sys

import numpy as np
import onnx
import spox.opset.ai.onnx.v18 as op
from spox import Tensor, Var, argument, build

random = np.random.default_rng(0)


def uniform(inputs: int, *shape: int) -> Var:
    """As PyTorch begins, between plus and minus one over the root of the inputs."""
    return op.const(random.uniform(-(inputs**-0.5), inputs**-0.5, shape).astype(np.float32))


def conv(x: Var, inputs: int, outputs: int, kernel: int) -> Var:
    reads = inputs * kernel**2
    return op.conv(x, uniform(reads, outputs, inputs, kernel, kernel), uniform(reads, outputs))


def pool(x: Var) -> Var:
    return op.max_pool(x, kernel_shape=[2, 2], strides=[2, 2])[0]


def fc(x: Var, inputs: int, outputs: int) -> Var:
    return op.gemm(x, uniform(inputs, outputs, inputs), uniform(inputs, outputs), transB=1)


x = argument(Tensor(np.float32, ("N", 1, 32, 32)))
y = pool(op.relu(conv(x, 1, 6, 3)))
y = op.flatten(pool(op.relu(conv(y, 6, 16, 3))))
y = fc(op.relu(fc(op.relu(fc(y, 576, 120)), 120, 84)), 84, 10)
onnx.save(build({"input": x}, {"output": y}), sys.argv[1])
