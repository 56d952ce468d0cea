"""Image scraper of sphinx-gallery for figures that pyplot does not manage, such as those of the displays."""

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

SAVED = "_saved_by_gallery"


def save_figures(block, block_vars, gallery_conf):
    """Save each figure, and the figure of each display, that a block of an example has made."""
    paths = []
    for value in block_vars["example_globals"].values():
        figure = getattr(value, "figure_", value)
        if isinstance(figure, Figure) and not hasattr(figure, SAVED):
            path = next(block_vars["image_path_iterator"])
            figure.savefig(path, dpi=120)
            setattr(figure, SAVED, True)
            paths.append(path)
    return figure_rst(paths, gallery_conf["src_dir"])
