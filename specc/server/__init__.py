"""`specc server`: what an editor asks while somebody writes a spec, over the Language Server Protocol.

`protocol`, `navigation` and `transport` know the protocol. What they answer comes from the other modules, which ask
what the rest of specc knows.
"""
