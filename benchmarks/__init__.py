"""Benchmarks of accuracy and cost on real images; README.md lists them."""

import os

# One thread for each numerical library, so that times are comparable and processes do not compete for cores. The
# libraries read these variables once, when they are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
