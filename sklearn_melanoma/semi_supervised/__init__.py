"""Classifiers of feature rows with few labels, in addition to those of scikit-learn."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
