"""How good and how fast the package is on real images; one command each, see README.md."""

import os

# One thread for each numerical library, so that times compare and processes do not fight for cores. The libraries read
# it once, when they are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
