"""Holdfast: the booking core."""

from importlib.metadata import version

__version__ = version("holdfast")
