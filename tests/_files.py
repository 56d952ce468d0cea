"""Small files of data sets in tests."""


def write(root, name, text=""):
    """Write a text file in a folder, which is made with its parents."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
