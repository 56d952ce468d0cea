"""Columns of images, diagnoses and groups in a table, and folders that are classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sklearn_melanoma.datasets._labels import OFFICIAL_ADVICE, Rule, find_column_kind, make_key, read_value
from sklearn_melanoma.datasets._matching import ImageNames
from sklearn_melanoma.datasets._tables import Table, column_key
from sklearn_melanoma.datasets._vocabulary import GENERIC, TARGETS, Meaning, is_unknown, normalize, read_diagnosis

#: Columns of images; they only decide a tie.
IMAGE_COLUMNS = ("image", "image_id", "image_name", "isic_id", "img_id", "img", "file", "file_name", "filename", "path")
#: Columns of diagnoses; the first one that exists counts.
LABEL_COLUMNS = ("diagnosis", "dx", "diagnostic", "diagnose", "diagnostico", "diagnosi", "label", "class")
#: Columns that distinguish melanoma from others; they complete the diagnoses and must agree with them.
FLAG_COLUMNS = ("benign_malignant", "melanoma", "is_melanoma", "target")
#: Columns of the ISIC Archive and of ISIC 2024, from the most to the least specific.
PATH_COLUMNS = (*(f"diagnosis_{i}" for i in range(5, 0, -1)), *(f"iddx_{i}" for i in range(5, 0, -1)), "iddx_full")
# Names of folders without information about the diagnosis.
_STRUCTURE = re.compile(
    r"(?:train|training|test|testing|val|valid|validation|images?|imgs?|inputs?|data|photos?|raw|dermoscopy|dermoscopic)"
)
_FLAGS = {"1": True, "true": True, "0": False, "false": False}
# Beginnings of the names of columns in ISIC 2024, where target 1 is malignant.
_ISIC_2024 = ("iddx_", "tbp_")


class LabelColumns(NamedTuple):
    """Values of the columns of diagnoses, from the most to the least specific."""

    cells: dict[str, list[str]]
    kinds: dict[str, Meaning | None]


def find_column(table: Table, column: str | None, usual: Sequence[str], argument: str | None) -> str | None:
    """Return the given column, or else the first existing usual column.

    `argument` is the parameter of the loader that names the column, None if the loader has no such parameter.
    """
    if column is not None:
        if column not in table.columns:
            raise ValueError(f"{argument} must be a column of {table.name}, one of {table.columns}, got {column!r}.")
        return column
    by_key: dict[str, list[str]] = {}
    for name in table.columns:
        by_key.setdefault(column_key(name), []).append(name)
    found = next((by_key[key] for key in usual if key in by_key), [])
    if len(found) > 1:
        raise ValueError(
            f"{table.name} must have one column of that kind, got {found}. "
            f"{f'Name it with {argument}' if argument else 'Rename the others'}."
        )
    return found[0] if found else None


def find_label_columns(table: Table, column: str | None, rule: Rule | None, without: Sequence[str]) -> LabelColumns:
    """Return the columns of diagnoses; `without` are the columns of images and groups."""
    if column is not None:
        names = [str(find_column(table, column, (), "label_column"))]
    else:
        names = _find_usual_columns(table, "label_column")
        if not names:
            if one_hot := read_one_hot(table, without):
                return LabelColumns({"columns": one_hot}, {"columns": None})
            raise ValueError(
                f"{table.name} must have a column of diagnoses ({', '.join((*LABEL_COLUMNS, *FLAG_COLUMNS))}), got "
                f"{table.columns}. Name it with label_column."
            )
        if rule is None or rule.is_empty:
            _check_flags(
                table,
                (*names, *without),
                "Name the column that is right with label_column, or pass melanoma with the meaning of the numbers.",
            )
        elif len(names) > 1:
            names = [_find_ruled_column(table, names, rule)]
    return _describe_columns(table, names)


def find_official_columns(table: Table, without: Sequence[str]) -> LabelColumns | None:
    """Return the usual columns of diagnoses of the table of a public data set, or None."""
    names = _find_usual_columns(table, None)
    if not names:
        return None
    _check_flags(table, (*names, *without), OFFICIAL_ADVICE)
    return _describe_columns(table, names)


def _describe_columns(table: Table, names: Sequence[str]) -> LabelColumns:
    kinds = {name: find_column_kind(name) for name in names}
    if any(column_key(name).startswith(_ISIC_2024) for name in table.columns):
        kinds = {name: Meaning.DOUBTFUL if column_key(name) == "target" else kind for name, kind in kinds.items()}
    return LabelColumns({name: table.cells(name) for name in names}, kinds)


def _find_usual_columns(table: Table, argument: str | None) -> list[str]:
    main = find_column(table, None, LABEL_COLUMNS, argument)
    paths = [find_column(table, None, (key,), argument) for key in PATH_COLUMNS]
    flags = [find_column(table, None, (key,), argument) for key in FLAG_COLUMNS]
    return [name for name in (*paths, main, *flags) if name is not None]


def _check_flags(table: Table, known: Sequence[str], advice: str) -> None:
    """Raise an error if the words of an unknown column contradict 1 and 0 in the first known column, in all rows."""
    column = known[0]
    flags = [_FLAGS.get(normalize(cell)) for cell in table.cells(column)]
    if not all(flag is not None or is_unknown(cell) for flag, cell in zip(flags, table.cells(column), strict=True)):
        return
    for name in table.columns:
        cells = table.cells(name)
        if name in known or not all(read_diagnosis(cell) in TARGETS for cell in set(cells)):
            continue
        meanings = [read_diagnosis(cell) for cell in cells]
        if not set(meanings) - {Meaning.MELANOMA, Meaning.UNKNOWN}:  # such as diseases in the family
            continue
        for meaning, wrong in ((Meaning.MELANOMA, False), (Meaning.CANCER, True)):
            rows = [row for row, each in enumerate(meanings) if each is meaning and flags[row] is not None]
            if rows and all(flags[row] is wrong for row in rows):
                raise ValueError(
                    f"{table.name} must give each image one diagnosis, got {column} {table.cells(column)[rows[0]]!r} "
                    f"with {name} {cells[rows[0]]!r}, and so in all such rows. {advice}"
                )


def _find_ruled_column(table: Table, names: list[str], rule: Rule) -> str:
    """Return the first column with a value that the user gave a meaning."""
    main = find_column(table, None, LABEL_COLUMNS, "label_column")
    ordered = [main, *names] if main else names
    for name in ordered:
        if any(make_key(cell) in rule.targets for cell in set(table.cells(name))):
            return name
    return ordered[0]


def read_one_hot(
    table: Table,
    without: Sequence[str],
    advice: str = "Correct the row, or name one column with label_column.",
) -> list[str] | None:
    """Return the name of the column that marks each row, for a table with one column of 0 and 1 per diagnosis."""
    candidates = [name for name in table.columns if name not in without and read_diagnosis(name) is not Meaning.FOREIGN]
    cells = {name: [normalize(cell) for cell in table.cells(name)] for name in candidates}
    marked = {
        name: ["" if value == "" else str(int(_FLAGS[value])) for value in values]
        for name, values in cells.items()
        if set(values) <= {*_FLAGS, ""}
    }
    if Meaning.MELANOMA not in {read_diagnosis(name) for name in marked}:
        return None
    if len(marked) < 3:  # too few columns for all diagnoses: a row without any 1 has another diagnosis
        melanoma = next(values for name, values in marked.items() if read_diagnosis(name) is Meaning.MELANOMA)
        return [{"1": "melanoma", "0": "other", "": ""}[cell] for cell in melanoma]
    labels = []
    for number, row in enumerate(zip(*marked.values(), strict=True), start=1):
        names = [name for name, value in zip(marked, row, strict=True) if value == "1"]
        if len(names) > 1:
            raise ValueError(f"{table.name} must mark one diagnosis in each row, got {names} in row {number}. {advice}")
        labels.append(names[0] if names else "")
    return labels


def find_image_column(table: Table, names: ImageNames, column: str | None, n_images: int) -> str | None:
    """Return the given column, or else the column with the most values that name an image."""
    if column is not None:
        return find_column(table, column, (), "image_column")
    hits = {name: names.count_exact(table.cells(name)) for name in table.columns}
    if max(hits.values(), default=0) < min(n_images, len(table)) / 2:
        hits = {name: sum(bool(names.find(cell)) for cell in set(table.cells(name))) for name in table.columns}
    best = max(hits, key=lambda name: (hits[name], column_key(name) in IMAGE_COLUMNS), default=None)
    if best is None or not hits[best]:
        return None
    usual = {name: column_key(name) in IMAGE_COLUMNS for name in hits}
    for name in table.columns:
        tied = name != best and hits[name] == hits[best] and usual[name] == usual[best]
        if tied and _name_different_images(table, names, best, name):
            raise ValueError(
                f"{table.name} must name one image in each row, got columns {best!r} and {name!r} that name different "
                "ones. Name one of them with image_column."
            )
    return best


def _name_different_images(table: Table, names: ImageNames, first: str, second: str) -> bool:
    pairs = set(zip(table.cells(first), table.cells(second), strict=True))
    found = ((names.find(one), names.find(other)) for one, other in pairs)
    return any(one and other and one != other for one, other in found)


def find_class_folders(images: Sequence[Path], root: Path, rule: Rule | None) -> LabelColumns | None:
    """Return the names of the folders that are classes, the deepest first, or None.

    At each depth, either all folders are classes, or none is. They are classes if their names are in the vocabulary.
    Codes of two letters could be initials of patients. These and words such as "other" need a clearer name beside them.
    """
    folders = [image.relative_to(root).parent.parts for image in images]
    values: dict[str, list[str]] = {}
    for depth in range(max(map(len, folders), default=0) - 1, -1, -1):
        level = [parts[depth] if depth < len(parts) else "" for parts in folders]
        level = ["" if _STRUCTURE.fullmatch(normalize(name)) else name for name in level]
        if _is_class_level({name for name in level if name}, lambda name: read_value(name, None, rule), rule):
            values[f"folder at depth {depth + 1}"] = level
    # A number is the name of a folder here, not a flag.
    return LabelColumns(values, dict.fromkeys(values, Meaning.FOREIGN)) if values else None


def _is_class_level(names: set[str], read: Callable[[str], Meaning], rule: Rule | None) -> bool:
    given = {name for name in names if rule is not None and make_key(name) in rule.targets}
    words = {name for name in names - given if not normalize(name).isdigit()}
    known = {name for name in words if read_diagnosis(name) is not Meaning.FOREIGN}
    clear = {name for name in known if normalize(name) not in GENERIC and len(normalize(name)) > 2} | given
    if not clear:
        return False
    spelled = given or any(len(normalize(name)) > 4 for name in clear)
    return known | given == names or bool(spelled)


def find_split(images: Sequence[Path], root: Path) -> list[str] | None:
    """Return "training", "validation" or "test" for each image if all images are in folders of these names."""
    parts = {"train": "training", "training": "training", "val": "validation", "valid": "validation"}
    parts |= {"validation": "validation", "test": "test", "testing": "test"}
    splits = []
    for image in images:
        words = [word for part in image.relative_to(root).parent.parts for word in normalize(part).split()]
        found = {parts[word] for word in words if word in parts}
        if len(found) != 1:
            return None
        splits.append(found.pop())
    return splits or None
