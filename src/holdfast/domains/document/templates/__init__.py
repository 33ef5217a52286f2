"""How papers look: one typst template for each kind, all of them in the house's own style."""

from pathlib import Path

FOLDER = Path(__file__).parent
