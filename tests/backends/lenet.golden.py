"""LeNet, made by specc from lenet.cnn."""

import torch
import torch.nn.functional as F
from torch import nn


class LeNet(nn.Module):
    """LeNet: [N, 1, 32, 32] -> [N, 10], 81,194 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(576, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)  # [N, 6, 30, 30]
        x = F.relu(x)  # [N, 6, 30, 30]
        x = F.max_pool2d(x, 2)  # [N, 6, 15, 15]
        x = self.conv2(x)  # [N, 16, 13, 13]
        x = F.relu(x)  # [N, 16, 13, 13]
        x = F.max_pool2d(x, 2)  # [N, 16, 6, 6]
        x = torch.flatten(x, 1)  # [N, 576]
        x = self.fc1(x)  # [N, 120]
        x = F.relu(x)  # [N, 120]
        x = self.fc2(x)  # [N, 84]
        x = F.relu(x)  # [N, 84]
        x = self.fc3(x)  # [N, 10]
        return x
