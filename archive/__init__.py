"""`make release`: a research object of the code and the finished runs of a clone.

Maintainers use this package; it is not installed with resed. docs/archive.md explains the result.
"""
