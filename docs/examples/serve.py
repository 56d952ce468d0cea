import sys
import warnings

from sklearn_melanoma.persistence import load_model, read_model_info
from sklearn_melanoma.pipeline import NoLesionWarning, SkippedImagesWarning

info, model = read_model_info(sys.argv[1]), load_model(sys.argv[1])
for problem in (NoLesionWarning, SkippedImagesWarning):  # the score would be that of a typical image
    warnings.simplefilter("error", problem)
print("ready", flush=True)
for path in map(str.strip, sys.stdin):
    try:
        answer = f"{model.predict_proba([path])[0, info.classes.index(info.pos_label)]:.6f}"
    except (OSError, ValueError, NoLesionWarning, SkippedImagesWarning) as error:
        answer = str(error)
    print(path, answer, sep="\t", flush=True)
