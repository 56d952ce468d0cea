"""Features of segmented lesions: one row of named numbers per lesion."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
