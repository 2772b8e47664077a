"""The file step by step: cut into pieces, each judged by itself."""
