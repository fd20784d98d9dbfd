"""An independent verifier of evidence bundles, written from docs/format.md. Python 3.10, standard library only."""
from .verify import verify

__all__ = ["verify"]
