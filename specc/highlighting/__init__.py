"""Colours for specs: what every word of a text is to its reader, for documents and editors.

`roles` reads a text with the language's own lexer and says the role of each part. The Pygments lexer (`pygments_lexer`)
hands these on. The grammars of Visual Studio Code (`textmate`) and of Vim (`vim`) cannot call the lexer: they are made
of its terminals, and tests hold them to `roles`. No layer is named anywhere: what stands where a step stands is one.
"""
