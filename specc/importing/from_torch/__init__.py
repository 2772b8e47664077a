"""A module of PyTorch, or a program that ``torch.export`` has written, read as a network of the language."""
