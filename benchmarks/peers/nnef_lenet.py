"""LeNet in NNEF: parsed, and its shapes inferred."""

import nnef

TEXT = """version 1.0;
graph LeNet(input) -> (output)
{
    input = external<scalar>(shape = [1, 1, 32, 32]);
    w1 = variable<scalar>(shape = [6, 1, 3, 3], label = 'conv1/weight');
    b1 = variable<scalar>(shape = [1, 6], label = 'conv1/bias');
    w2 = variable<scalar>(shape = [16, 6, 3, 3], label = 'conv2/weight');
    b2 = variable<scalar>(shape = [1, 16], label = 'conv2/bias');
    w3 = variable<scalar>(shape = [120, 576], label = 'fc1/weight');
    b3 = variable<scalar>(shape = [1, 120], label = 'fc1/bias');
    w4 = variable<scalar>(shape = [84, 120], label = 'fc2/weight');
    b4 = variable<scalar>(shape = [1, 84], label = 'fc2/bias');
    w5 = variable<scalar>(shape = [10, 84], label = 'fc3/weight');
    b5 = variable<scalar>(shape = [1, 10], label = 'fc3/bias');
    c1 = relu(conv(input, w1, b1, padding = [(0, 0), (0, 0)]));
    p1 = max_pool(c1, size = [1, 1, 2, 2], stride = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (0, 0), (0, 0)]);
    c2 = relu(conv(p1, w2, b2, padding = [(0, 0), (0, 0)]));
    p2 = max_pool(c2, size = [1, 1, 2, 2], stride = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (0, 0), (0, 0)]);
    f1 = relu(linear(reshape(p2, shape = [0, -1]), w3, b3));
    f2 = relu(linear(f1, w4, b4));
    output = linear(f2, w5, b5);
}
"""

graph = nnef.parse_string(TEXT)
nnef.infer_shapes(graph)
assert graph.tensors["output"].shape == [1, 10]
