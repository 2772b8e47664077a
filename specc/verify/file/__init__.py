"""What the file holds: its interface, and its tensors against those that it should have."""
