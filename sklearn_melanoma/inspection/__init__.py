"""Displays of borders, feature importances, contributions and label efficiency, and a report of images."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
