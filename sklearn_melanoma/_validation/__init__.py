"""Validation of images, masks and labels, and warnings that point to the user's line."""

from sklearn_melanoma._validation.checks import (
    check_image,
    check_images,
    check_mask,
    check_masks,
    check_probability,
    element_errors,
    element_label,
    element_of_error,
    is_missing,
    rebase_error,
    remove_position,
    require_mask,
    source_name,
)

__all__ = [
    "check_image",
    "check_images",
    "check_mask",
    "check_masks",
    "check_probability",
    "element_errors",
    "element_label",
    "element_of_error",
    "is_missing",
    "rebase_error",
    "remove_position",
    "require_mask",
    "source_name",
]
