"""The code that serves a bundle: it ships inside every bundle as the package `runtime` and runs there alone.

It imports the standard library, httptools, orjson and uvloop, and nothing else of this project.
"""
