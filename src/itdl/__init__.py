"""Information Theory in Deep Learning: the library behind the book.

Every module holds one idea and is imported by name (`from itdl import kernels`); importing the package itself
does nothing, so it is fast and has no side effects. Quantities are in nats, arrays are float64.
"""

__version__ = "0.1.0"
