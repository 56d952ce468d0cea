"""Labels of images, 1 (melanoma), 0 (other) and -1 (unknown), from the values of columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from sklearn_melanoma.datasets._vocabulary import (
    TARGETS,
    Meaning,
    combine_meanings,
    has_sign_of_doubt,
    is_unknown,
    normalize,
    read_diagnosis,
)

FLAG_NAMES = {1: "melanoma", 0: "other", -1: "unknown"}
CONTRADICTION = "(contradiction)"
#: Advice for tables of public data sets, whose loaders have no options.
OFFICIAL_ADVICE = "Download the table anew, or use load_folder for a changed one."
N_LISTED = 20  # values in an error message

_YES = {"yes", "y", "true", "t", "1", "positive", "pos", "present", "ja", "oui", "si", "sim"}
_NO = {"no", "n", "false", "f", "0", "negative", "neg", "absent", "nein", "non", "nao"}
_FLAGS = {"1": True, "true": True, "0": False, "false": False}  # in every column
_NAME_FILLERS = {"is", "has", "label", "target", "flag", "binary", "gt", "y", "class"}
_GIVEN = {1: Meaning.MELANOMA, 0: Meaning.NOT_MELANOMA, -1: Meaning.UNKNOWN}


class Rule(NamedTuple):
    """The user's meaning of values, which has priority over the vocabulary."""

    targets: dict[str, int]
    is_complete: bool  # all other values mean 0, except unknown ones
    names: dict[str, str]  # the values as the user wrote them

    @property
    def is_empty(self) -> bool:
        """Whether the vocabulary reads all values."""
        return not self.targets and not self.is_complete


class Labels(NamedTuple):
    """Labels of images."""

    target: list[int]
    diagnosis: list[str]
    values: list[str | None]  # the value that decided the label, as in the table; None for an image without a row
    mapping: dict[str, int]
    warnings: list[str]


def format_cell(value: Any) -> str:
    """Return a cell as text: a missing value is empty, and an integer has no decimal point."""
    if isinstance(value, str):
        return value.strip()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, Real) and not isinstance(value, Integral):
        number = float(value)
        return "" if number != number else str(int(number)) if number.is_integer() else str(value)
    return str(value).strip()


def check_melanoma(melanoma: object) -> Rule | None:
    """Return the rule from the parameter `melanoma`."""
    if melanoma is None:
        return None
    if isinstance(melanoma, Mapping):
        return _read_mapping(melanoma)
    if isinstance(melanoma, str | Integral):
        melanoma = (melanoma,)
    if not isinstance(melanoma, Collection) or isinstance(melanoma, bytes) or hasattr(melanoma, "iloc"):
        raise TypeError(
            "melanoma must be a value, a collection of values or a mapping of values to 1, 0 and -1, got "
            f"{type(melanoma).__name__}. Pass for example ('mel', 'melanoma') or {{'mel': 1, 'nv': 0}}."
        )
    names = {make_key(format_cell(value)): format_cell(value) for value in melanoma}
    return Rule(dict.fromkeys(names, 1), is_complete=True, names=names)


def _read_mapping(melanoma: Mapping[Any, Any]) -> Rule:
    targets: dict[str, int] = {}
    names: dict[str, str] = {}
    for value, target in melanoma.items():
        if target not in (1, 0, -1):
            raise ValueError(
                "melanoma must map each value to 1 (melanoma), 0 (other) or -1 (unknown), got "
                f"{target!r} for {value!r}."
            )
        key = make_key(format_cell(value))
        if targets.setdefault(key, int(target)) != int(target):
            raise ValueError(
                f"melanoma must give one meaning to each value, got two for {value!r}. Case, accents and punctuation "
                "do not distinguish values."
            )
        names[key] = format_cell(value)
    return Rule(targets, is_complete=False, names=names)


def make_key(text: str) -> str:
    """Return the key that values with the same meaning have in common; a sign of doubt gives another key."""
    key = normalize(text)
    if re.fullmatch(r"[+-]?\d+(\.\d*)?", text.strip()) or (key and not has_sign_of_doubt(text)):
        return key
    return " ".join(text.casefold().split())


def find_column_kind(column: str) -> Meaning | None:
    """Return the meaning of yes or 1 in a column by the column's name; None if the name does not tell."""
    words = normalize(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)).split()
    if words == ["benign", "malignant"]:
        return Meaning.DOUBTFUL
    words = [word for word in words if word not in _NAME_FILLERS]
    meaning = read_diagnosis(" ".join(words)) if words else Meaning.FOREIGN
    return None if meaning in (Meaning.FOREIGN, Meaning.UNKNOWN) else meaning


def read_value(value: str, kind: Meaning | None, rule: Rule | None) -> Meaning:
    """Return the meaning of a value in a column of a kind."""
    key = make_key(value)
    if rule is not None and key in rule.targets:
        return _GIVEN[rule.targets[key]]
    if is_unknown(value):
        return Meaning.UNKNOWN
    if rule is not None and rule.is_complete:
        return Meaning.NOT_MELANOMA
    flag = _FLAGS.get(key)
    if kind is Meaning.MELANOMA and key in _YES | _NO:
        flag = key in _YES
    if rule is not None and key.isdigit() and _recodes_numbers(rule):
        flag = None
    if flag is None:
        return read_diagnosis(value)
    if kind is None or kind is Meaning.MELANOMA:
        return Meaning.MELANOMA if flag else Meaning.NOT_MELANOMA
    if kind is Meaning.DOUBTFUL:  # 1 is malignant, which includes carcinoma
        return Meaning.DOUBTFUL if flag else Meaning.BENIGN
    return kind if flag else Meaning.DOUBTFUL


def _recodes_numbers(rule: Rule) -> bool:
    """Return whether a rule has its own codes, such as 2 for melanoma; then 1 and 0 may mean anything."""
    numbers = {key: target for key, target in rule.targets.items() if re.fullmatch(r"-?\d+", key)}
    return any((target == 1) != (key == "1") for key, target in numbers.items())


def decide_labels(
    columns: Mapping[str, Sequence[str]],
    kinds: Mapping[str, Meaning | None],
    rows: Sequence[int | None],
    *,
    rule: Rule | None,
    source: str,
    official: bool = False,
    refuse: bool = True,
) -> Labels:
    """Return the label of each image.

    Parameters
    ----------
    columns : mapping
        Values of each column of diagnoses, from the most to the least specific.
    kinds : mapping
        Meaning of yes in each column, or None.
    rows : sequence of int or None
        Row of each image.
    rule : Rule or None
        The user's meaning of values.
    source : str
        Name of the table in error messages.
    official : bool, default=False
        Whether it is the table of a public data set. Its words are known, so a part without a melanoma is not a sign of
        a misread table. Its loader has no options to suggest in an error.
    refuse : bool, default=True
        Whether contradictions, and values that could mean melanoma or not, raise an error. Otherwise they are unknown.
    """
    _check_rule(rule, columns, source)
    names = list(columns)
    tuples: list[tuple[str, ...]] = list(zip(*columns.values(), strict=True))
    reader = {
        name: {value: read_value(value, kinds[name], rule) for value in set(columns[name])} for name in names
    }  # each value is read once
    decided = {
        values: _decide(values, [reader[name][value] for name, value in zip(names, values, strict=True)])
        for values in set(tuples)
    }
    used = Counter(tuples[row] for row in rows if row is not None)
    if refuse:
        _check_agreement(decided, used, names, source, official)
        _check_meaning(decided, used, source, official)
    if not official:
        _check_any_melanoma(decided, Counter(tuples), rule, source)
    labels = [None if row is None else decided[tuples[row]] for row in rows]
    target = [-1 if label is None else TARGETS.get(label[0], -1) for label in labels]
    values = [None if label is None else label[1] for label in labels]
    return Labels(
        target,
        [_name_diagnosis(value, label) for value, label in zip(values, target, strict=True)],
        values,
        {value: label for value, label in zip(values, target, strict=True) if value is not None},
        _warn_of_rule(reader[names[0]], kinds[names[0]], rule),
    )


def _check_rule(rule: Rule | None, columns: Mapping[str, Sequence[str]], source: str) -> None:
    """Raise an error if the user gives a meaning to a value that does not exist, such as a misspelled one."""
    counts = Counter(value for cells in columns.values() for value in cells)
    found = set(map(make_key, counts))
    missing = [repr(name) for key, name in (rule.names if rule else {}).items() if key not in found]
    if missing:
        listed = _list_counts(Counter({repr(value): count for value, count in counts.items()}))
        raise ValueError(
            f"{source} must hold each value that melanoma names, got no row with {', '.join(missing[:N_LISTED])}. "
            f"The rows hold {listed}. Correct the spelling, or leave them out."
        )


def _decide(values: tuple[str, ...], meanings: list[Meaning]) -> tuple[Meaning, str]:
    """Return the meaning of the values of a row, and the most specific value with this meaning."""
    meaning = combine_meanings(meanings)
    deciding = [value for value, each in zip(values, meanings, strict=True) if each is meaning and value]
    contradicts = meaning is Meaning.DOUBTFUL and any(each in TARGETS and TARGETS[each] >= 0 for each in meanings)
    return meaning, CONTRADICTION if contradicts else next(iter(deciding), "")


def _name_diagnosis(value: str | None, label: int) -> str:
    if value is None or (label == -1 and is_unknown(value)):
        return "unknown"
    key = normalize(value)
    return FLAG_NAMES[label] if key in _YES | _NO or key.lstrip("-").isdigit() else value


def _check_agreement(
    decided: Mapping[tuple[str, ...], tuple[Meaning, str]],
    used: Counter[tuple[str, ...]],
    names: list[str],
    source: str,
    official: bool,
) -> None:
    """Raise an error if columns contradict each other in a row."""
    refused: Counter[str] = Counter()
    for values, count in used.items():
        if decided[values][1] is CONTRADICTION:
            refused[" with ".join(f"{name} {value!r}" for name, value in zip(names, values, strict=True) if value)] += (
                count
            )
    if refused:
        advice = "Correct the rows, or name the column that is right with label_column."
        raise ValueError(
            f"{source} must give each image one diagnosis, got columns that contradict each other: "
            f"{_list_counts(refused)}. {OFFICIAL_ADVICE if official else advice}"
        )


def _check_meaning(
    decided: Mapping[tuple[str, ...], tuple[Meaning, str]], used: Counter[tuple[str, ...]], source: str, official: bool
) -> None:
    """Raise an error if the meaning of an image's value is in doubt."""
    refused: Counter[str] = Counter()
    for values, count in used.items():
        meaning, value = decided[values]
        if meaning not in TARGETS:
            refused[repr(value)] += count
    if refused:
        examples = ", ".join(f"{value}: …" for value, _ in refused.most_common(2))
        advice = f"Give each of them 1, 0 or -1 with melanoma={{{examples}}}."
        raise ValueError(
            f"{source} must hold diagnoses as text, or 1 (melanoma), 0 (other) and -1 (unknown), got "
            f"{_list_counts(refused)}, which could mean melanoma or not. "
            f"{OFFICIAL_ADVICE if official else advice}"
        )


def _list_counts(counts: Counter[str]) -> str:
    listed = ", ".join(f"{value} ({count})" for value, count in counts.most_common(N_LISTED))
    return listed + (f" and {len(counts) - N_LISTED} more values" if len(counts) > N_LISTED else "")


def _check_any_melanoma(
    decided: Mapping[tuple[str, ...], tuple[Meaning, str]],
    counts: Counter[tuple[str, ...]],
    rule: Rule | None,
    source: str,
) -> None:
    """Raise an error if no label is melanoma, unless each value denies melanoma or the user allows it."""
    found = {meaning for meaning, _ in decided.values()}
    expected = bool(found - {Meaning.UNKNOWN, Meaning.NOT_MELANOMA}) if rule is None else 1 in rule.targets.values()
    if Meaning.MELANOMA in found or not expected:
        return
    listed: Counter[str] = Counter()
    for values, count in counts.items():
        listed[repr(decided[values][1])] += count
    raise ValueError(
        f"{source} must have at least one value that means melanoma, got {_list_counts(listed)}. Pass melanoma with "
        "the values that mean melanoma, or melanoma=() if there is none."
    )


def _warn_of_rule(values: Iterable[str], kind: Meaning | None, rule: Rule | None) -> list[str]:
    """Return a warning of values that the user's collection leaves out and that could mean melanoma."""
    if rule is None or not rule.is_complete or not rule.targets:
        return []
    keys = {value: make_key(value) for value in sorted(values)}
    left = [value for value, key in keys.items() if key not in rule.targets and key not in _FLAGS]
    lost = [value for value in left if read_value(value, kind, None) in (Meaning.MELANOMA, Meaning.DOUBTFUL)]
    if not lost:
        return []
    return [
        f"melanoma leaves out {', '.join(map(repr, lost[:N_LISTED]))}, so these became 0 (other), but they "
        "could mean melanoma. Add them, or pass a mapping that gives each its meaning."
    ]


def describe_mapping(values: Iterable[Hashable | None], mapping: Mapping[str, int]) -> str:
    """Return which values became which label, with the number of images."""
    counts = Counter(value for value in values if value is not None)
    parts = []
    for label, name in FLAG_NAMES.items():
        texts = [value for value in mapping if mapping[value] == label]
        texts.sort(key=lambda value: -counts[value])
        listed = ", ".join(f"{value!r} ({counts[value]})" for value in texts[:N_LISTED])
        more = f" and {len(texts) - N_LISTED} more values" if len(texts) > N_LISTED else ""
        parts += [f"{name} = {listed}{more}"] if texts else []
    return f"Labels: {'; '.join(parts)}." if parts else "Labels: none."
