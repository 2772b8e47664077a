"""`specc server`: what an editor asks while somebody writes a spec, over the Language Server Protocol.

`protocol` alone knows pygls. What it answers comes from the other modules, which ask what the rest of specc knows.
"""
