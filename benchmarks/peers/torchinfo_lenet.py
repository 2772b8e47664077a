"""LeNet in PyTorch: run once by torchinfo, which gives its shapes, parameters and multiply-accumulates."""

import torchinfo
from torch import nn

model = nn.Sequential(
    nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(6, 16, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(576, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
)  # fmt: skip
assert torchinfo.summary(model, (1, 1, 32, 32), verbose=0).total_params == 81_194
