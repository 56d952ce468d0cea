"""
Save a model and serve it
=========================

This example saves a fitted model with its threshold in a file. It loads the file again, and starts a small web server
that answers each uploaded image with a score and a decision.
"""

# %%
# Fit and save
# ------------
#
# The file also holds the threshold, and a summary for those who use the model. The images here are synthetic.

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from matplotlib.figure import Figure
from PIL import Image

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import threshold_at_sensitivity
from sklearn_melanoma.model_selection import out_of_fold_scores
from sklearn_melanoma.persistence import load_model, read_model_info, save_model
from sklearn_melanoma.pipeline import make_melanoma_pipeline, predict_images

temporary = TemporaryDirectory()
folder = Path(temporary.name)

synthetic = make_lesions(44, image_size=(120, 160), melanoma_fraction=0.5, hair=0, vignette=0, random_state=2)
images, labels = synthetic.images[:40], synthetic.target[:40]
model = make_melanoma_pipeline(memory=folder / "rows").fit(images, labels)

scores = out_of_fold_scores(model, images, labels)
threshold = threshold_at_sensitivity(labels, scores, sensitivity=0.9)
save_model(model, folder / "model.skops", threshold=threshold, summary={"source": "40 synthetic images"})
print(f"{(folder / 'model.skops').stat().st_size / 1024:.0f} kB")

# %%
# Load the model
# --------------
#
# The file is checked before it is loaded. The loaded model predicts by the threshold.

info = read_model_info(folder / "model.skops")
loaded = load_model(folder / "model.skops")
print("classes", info.classes, "- positive class", info.pos_label, "- summary", info.summary)
print(f"threshold {info.threshold.threshold:.2f}, expected sensitivity {info.threshold.expected_sensitivity:.2f}")

# %%
# Start a server
# --------------
#
# The server takes an image by POST, and answers with JSON. If the image can't be read, it answers with the reason. This
# one belongs to Python itself. For a server on the internet, see FastAPI and MLflow in :doc:`/guide/deployment`.


class Handler(BaseHTTPRequestHandler):
    """Answer each uploaded image with its score."""

    def do_POST(self):
        try:
            upload = Image.open(BytesIO(self.rfile.read(int(self.headers["Content-Length"]))))
            row = predict_images(loaded, [upload]).iloc[0]
            if row["problem"]:  # such as "no lesion found"
                raise ValueError(row["problem"])
            status, answer = 200, {"score": round(row["score"], 3), "positive": bool(row["positive"])}
        except (OSError, ValueError) as error:
            status, answer = 422, {"error": str(error)}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        """Print nothing."""


server = HTTPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever)
thread.start()

# %%
# Send images
# -----------

answers = []
for image in synthetic.images[40:]:
    upload = BytesIO()
    Image.fromarray(image).save(upload, "PNG")
    with urlopen(Request(f"http://127.0.0.1:{server.server_port}/", upload.getvalue())) as response:
        answers.append(json.load(response))
    print(answers[-1])

server.shutdown()
thread.join()
server.server_close()
temporary.cleanup()

# %%
# These are the images with the answers.

figure = Figure(figsize=(5, 4.2), layout="constrained")
for axes, image, answer in zip(figure.subplots(2, 2).flat, synthetic.images[40:], answers, strict=True):
    axes.imshow(image)
    axes.set_title(f"{answer['score']:.2f}: {'suspicious' if answer['positive'] else 'not suspicious'}")
    axes.set_axis_off()

# %%
# **Next:** :doc:`/guide/deployment` has servers with FastAPI and MLflow, the export to ONNX, and the files that are
# rejected.
