"""Saved model in MLflow's pyfunc flavor: a table of image paths gets scores, decisions and reasons.

``python serve_mlflow.py model.skops mlflow_model`` writes the folder that MLflow serves.
"""

import sys
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature, set_model
from mlflow.types import ColSpec, Schema

from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.persistence import load_model, read_model_info

N_CRITERIA = 3


class LesionModel(mlflow.pyfunc.PythonModel):
    """Model of image paths in a column "image"."""

    def load_context(self, context: Any) -> None:
        """Load the model, without running code from its file."""
        path = context.artifacts["model"]
        self.model, self.info = load_model(path), read_model_info(path)

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return the score, the decision by the threshold and the criteria with the largest contributions."""
        images = model_input["image"].tolist()
        found = make_report(self.model, images, pos_label=self.info.pos_label).table.reset_index(drop=True)
        problem = found["error"].mask(found["no_lesion"].eq(True), "no lesion found")
        known = problem == ""
        contributions = found.filter(like="contribution_").rename(columns=lambda name: name.partition("_")[2])
        threshold = getattr(self.info.threshold, "threshold", self.info.threshold)
        positive = found["score"] >= (0.5 if threshold is None else threshold)
        return pd.DataFrame(
            {
                "image": images,
                "score": found["score"].astype(object).where(known, None),  # JSON has no NaN
                "positive": positive.astype(object).where(known, None),
                "criteria": contributions.apply(format_criteria, axis=1, result_type="reduce").where(known, ""),
                "problem": problem,
            }
        )


def format_criteria(contributions: pd.Series) -> str:
    """Return the criteria with the largest contributions to the log-odds."""
    strongest = contributions.sort_values(key=abs, ascending=False, kind="stable").head(N_CRITERIA)
    return ", ".join(f"{name} {value:+.2f}" for name, value in strongest.items())


def main() -> None:
    """Write a saved model as an MLflow model."""
    model, folder = sys.argv[1:]
    columns = {"image": "string", "score": "double", "positive": "boolean", "criteria": "string", "problem": "string"}
    specs = [ColSpec(kind, name) for name, kind in columns.items()]
    mlflow.pyfunc.save_model(
        folder,
        python_model=__file__,  # a copy of this file, not a pickle of the class
        artifacts={"model": model},
        signature=ModelSignature(Schema(specs[:1]), Schema(specs)),
        pip_requirements=["sklearn-melanoma[deploy,report]"],
    )


set_model(LesionModel())

if __name__ == "__main__":
    main()
