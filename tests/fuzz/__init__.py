"""What a stranger may hand to specc, at random: every reader has a `Target`.

A target draws inputs and says what must hold. `texts` draws and changes texts; `language`, `projects` and `networks`
have the targets; `limits` tries an input within bounds of time and memory. An input is bytes, and is drawn from a
`random.Random`: a seed that is counted up (``python -m benchmarks.fuzz``), or bytes (`choices`), of Hypothesis, which
makes a failing choice smaller, and of a fuzzer that watches which lines run (``python -m benchmarks.guided``). What was
found once lies in the folder ``corpus``, by target, and is tried in every run of the suite.
"""
