"""``python -m specc.ops`` writes families.py, which says in which file the operator of a name is."""

from specc.ops import families, registry


def source() -> str:
    lines = (f'    "{name}": "{family}",\n' for name, family in registry.families().items())
    return f'"""Written by `python -m specc.ops` (`make docs`)."""\n\nFAMILIES = {{\n{"".join(lines)}}}\n'


if __name__ == "__main__":
    text = source()
    with open(families.__file__, "w", encoding="utf-8") as file:
        file.write(text)
