"""How things are shown: findings, tables, arithmetic, comparisons, proofs. Nothing else formats for people.

Data comes in (`Diagnostic`, `Outcome`, `Comparison`, `Parity`, `Costs`, `Inspection`), text goes out, in a `Style`.
Start at `formats`, which names the function behind each format, and at `snippets`, which shows a finding in its source.
"""
