"""Print the lowest version of everything that pyproject.toml asks for, as constraints for pip."""

import re
import tomllib
from itertools import chain
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
    if found := re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)", requirement):
        print(f"{found[1]}=={found[2]}")
# Old matplotlib needs pyparsing and sets no limit. Newer versions of pyparsing deprecate what it calls.
print("pyparsing<3.3")
