"""HTTP server of a saved model: an uploaded image gets a score, a decision and the reasons.

Start it with ``MODEL=model.skops uvicorn serve_http:app``.
"""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fastapi import FastAPI, HTTPException, UploadFile

from sklearn_melanoma.inspection import ContributionDisplay
from sklearn_melanoma.persistence import load_model, read_model_info
from sklearn_melanoma.pipeline import predict_images

info, model = read_model_info(os.environ["MODEL"]), load_model(os.environ["MODEL"])
app = FastAPI(title="Melanoma scores, for research only")


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, Any]:
    """Score one image."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"image{Path(image.filename or '').suffix}"
        with path.open("wb") as file:
            shutil.copyfileobj(image.file, file)
        try:
            found = predict_images(model, [path]).iloc[0]
            if found["problem"]:
                raise ValueError(found["problem"])
            why = ContributionDisplay.from_estimator(model, path).contributions
        except (OSError, ValueError) as error:
            raise HTTPException(422, str(error).replace(str(path), image.filename or "image")) from error
    return {
        "score": found["score"],
        "positive": bool(found["positive"]),
        "positive class": info.pos_label,
        "threshold": getattr(info.threshold, "threshold", info.threshold),
        "contributions to the log-odds": why.round(3).to_dict(),
        "model": info.digest,
    }
