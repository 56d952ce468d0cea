"""Settings of the documentation: ``python -m sphinx -W -b html docs docs/_build/html``."""

import inspect
import os
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
from docutils import nodes
from sphinx_gallery.sorting import ExplicitOrder

import sklearn_melanoma

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for _gallery

project = "sklearn-melanoma"
author = "The sklearn-melanoma developers"
copyright = "2026, the sklearn-melanoma developers"
version = release = sklearn_melanoma.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# The build needs no network. With a network, DOCS_ONLINE=1 adds links to the documentation of the libraries below.
if os.environ.get("DOCS_ONLINE"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "python": ("https://docs.python.org/3", None),
        "skimage": ("https://scikit-image.org/docs/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
    }

source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]
default_role = "literal"
# Links to the package's own names have to lead somewhere; those to other libraries need the network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!sklearn_melanoma).*")]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings name the types, in words
numpydoc_show_class_members = False  # the template of a class lists them

# Examples in the order of the gallery: that in which a project meets the tasks.
examples = {
    "data": ["public_dataset", "dicom"],
    "segmentation": ["segment_folder", "choose_segmenter", "suspect_masks", "own_segmenter"],
    "features": ["feature_table", "radiomics", "fisher_vectors", "own_feature"],
    "few_labels": [
        "few_labels",
        "prior_knowledge",
        "label_efficiency",
        "which_to_label",
        "diagnoses",
        "patient_metadata",
    ],
    "evaluation": ["threshold", "calibration", "importance", "report"],
    "deployment": ["caching", "dask", "save_and_serve"],
}
# Scripts in gallery run during the build. Reference pages link to the examples that use a name.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "reference/generated/backreferences",
    "doc_module": ("sklearn_melanoma",),
    "reference_url": {"sklearn_melanoma": None},
    "image_scrapers": ("matplotlib", "_gallery.save_figures"),
    "reset_modules": ("matplotlib",),
    "subsection_order": [f"gallery/{section}" for section in examples],
    "within_subsection_order": ExplicitOrder([f"plot_{name}.py" for names in examples.values() for name in names]),
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "abort_on_example_error": True,
}

# A copy of MathJax beside the pages draws formulas without a network. As SVG, they need no fonts.
mathjax_path = "tex-svg.js"
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / mathjax_path

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-melanoma {version}"
html_show_sourcelink = False
html_static_path = ["_static", str(MATHJAX)]
html_css_files = ["site.css"]
html_js_files = ["wrap.js"]
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {page: [] for page in ("quickstart", "not-a-medical-device", "changelog", "deprecation", "references")}


def draw_figures(app):
    """Save what the ``draw()`` of each script in ``figures`` returns as ``images/<name>.png``."""
    mpl.use("agg")
    folder = HERE / "images"
    folder.mkdir(exist_ok=True)
    for script in sorted((HERE / "figures").glob("*.py")):
        figure = runpy.run_path(str(script))["draw"]()
        figure.savefig(folder / f"{script.stem}.png", dpi=150)


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out what a class inherits from scikit-learn or Python: their own documentation tells."""
    if type(obj).__name__ == "_tuplegetter":  # the fields of a named tuple, listed as its parameters
        return True
    if not callable(obj):
        return None
    return None if str(getattr(inspect.unwrap(obj), "__module__", None)).startswith("sklearn_melanoma") else True


def keep_numbers_together(app, doctree):
    """Put no-break spaces into numbers such as 400 000, and between a number and its unit."""
    for text in list(doctree.findall(nodes.Text)):
        joined = re.sub(r"(?<=\d) (?=\d{3}(?!\d)|%|px\b|mm\b)", "\N{NO-BREAK SPACE}", text)
        if joined != text and not isinstance(text.parent, (nodes.literal, nodes.math, nodes.FixedTextElement)):
            text.parent.replace(text, nodes.Text(joined))


def setup(app):
    app.connect("builder-inited", draw_figures)
    app.connect("autodoc-skip-member", skip_foreign_members)
    app.connect("doctree-read", keep_numbers_together, priority=400)  # before the titles are collected
