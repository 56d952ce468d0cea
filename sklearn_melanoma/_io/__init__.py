"""Readers of image files: bytes, headers, decoding, pixels.

:mod:`sklearn_melanoma.images` is its public interface.
"""
