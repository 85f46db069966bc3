"""The code that serves a bundle: it ships inside every bundle as the package `runtime` and runs there alone.

It imports the standard library, FastAPI, uvicorn, uvloop, httptools and orjson, and nothing else of this project.
"""
