"""What an application needs to use an ONNX file: a program in its language, with the names, shapes and labels in it.

A program is a template of Jinja (`templates`, one file for each language) and the facts of the file's sidecar
(`program`). What its comments say of them is the same in every language, and is made once (`notes`). Each program
runs the golden pair of the sidecar, so that the first thing it shows is that its runtime computes what was proven.
"""
