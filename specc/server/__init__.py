"""`specc server`: what an editor asks while somebody writes a spec, over the Language Server Protocol.

`protocol` alone knows pygls. What it answers comes from `hints`, `hover`, `outline`, `completion` and `diagnosis`,
which ask what the rest of specc knows already.
"""
