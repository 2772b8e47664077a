"""Sweeps: thousands of variants of one model, each checked before any is built.

`axes` are the values that a parameter takes, `grid` the combinations of them, `variant` what a check of one says, and
`sweep` checks all, on all processors, in order. The parameters are all that differs: the spec is read and parsed once.
"""
