"""How things are shown: findings, tables, arithmetic, proofs. Nothing else formats for people."""
