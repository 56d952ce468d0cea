import sys

from sklearn_melanoma.persistence import load_model, read_model_info

info, model = read_model_info(sys.argv[1]), load_model(sys.argv[1])
print("ready", flush=True)
for path in map(str.strip, sys.stdin):
    try:
        answer = f"{model.predict_proba([path])[0, info.classes.index(info.pos_label)]:.6f}"
    except (OSError, ValueError) as error:
        answer = str(error)
    print(path, answer, sep="\t", flush=True)
