"""The most accurate of 30 variants of a network on scikit-learn's digits, with at most 200,000 MACs."""

from pathlib import Path

import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import specc

SPEC = Path(__file__).with_name("digits.cnn")
GRID = {"width": "4..48:4", "depth": "1..4", "act": "relu,silu,gelu", "p": "0.0..0.5"}
images, labels = (torch.tensor(one) for one in load_digits(return_X_y=True))
x, x_test, y, y_test = train_test_split(images.float().reshape(-1, 1, 8, 8) / 16, labels, random_state=0)
space = specc.search_space(SPEC, GRID, where="macs < 200k")


def accuracy(trial: optuna.Trial) -> float:
    network = space.suggest(trial).to_torch(seed=0).train()  # what does not fit is pruned here, untrained
    optimizer = torch.optim.AdamW(network.parameters(), 0.01)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    return float((network.eval()(x_test).argmax(1) == y_test).float().mean())


def search(trials: int = 30) -> optuna.Study:
    torch.manual_seed(0)  # of dropout
    torch.set_num_threads(1)  # which is as fast for networks so small
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(accuracy, trials)
    return study


if __name__ == "__main__":
    best = search().best_trial
    print(f"{best.value:.1%} with {best.user_attrs['macs']:,} MACs: {best.params}")
