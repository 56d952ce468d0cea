"""Former place of `takes`, for modules that still import it from here."""

from sklearn_melanoma.semi_supervised._input import takes

__all__ = ["takes"]
