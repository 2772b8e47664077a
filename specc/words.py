"""Words that every part says in the same way."""


def plural(number: int, noun: str) -> str:
    """``1 error``, ``2 errors``"""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
