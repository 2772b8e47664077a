"""What travels with the file, and what an application can check without torch."""
