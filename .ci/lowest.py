"""Print the lowest version of everything that pyproject.toml asks for, as constraints for pip."""

import re
import tomllib
from itertools import chain
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
    if found := re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)", requirement):
        print(f"{found[1]}=={found[2]}")
# Asked for by old matplotlib, without a limit: newer ones call what it uses deprecated.
print("pyparsing<3.3")
