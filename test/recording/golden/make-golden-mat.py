"""Makes the MATLAB files beside this script with scipy, whose writer is independent of ours.

Run: python3 make-golden-mat.py (scipy 1.17; any version writes the same arrays).
"""

import os
import numpy as np
from scipy.io import savemat

HERE = os.path.dirname(os.path.abspath(__file__))

record = {"name": "unit", "weights": np.array([[1.5, -2.25], [0.0, np.pi]])}
cells = np.empty((1, 2), dtype=object)
cells[0, 0] = "left"
cells[0, 1] = np.array([[1, 2, 3]], dtype=np.int16)
structs = np.zeros((1, 2), dtype=[("id", "O"), ("label", "O")])
structs[0, 0] = (np.array([[1.0]]), "first")
structs[0, 1] = (np.array([[2.0]]), "second")

VARIABLES = {
    "counts": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "small": np.array([[7]], dtype=np.uint16),
    "single": np.array([[0.1, -0.5]], dtype=np.float32),
    "big": np.array([[2**53 + 1, -(2**62)]], dtype=np.int64),
    "cube": np.arange(24, dtype=np.float64).reshape(2, 3, 4),
    "flags": np.array([[True, False, True]]),
    "waves": np.array([[1 + 2j, 3 - 4j]]),
    "text": "spikes µV",
    "rows": np.array(["abc", "def"]),
    "empty": np.zeros((0, 3)),
    "record": record,
    "structs": structs,
    "cells": cells,
}

for compressed in (False, True):
    name = "scipy-compressed.mat" if compressed else "scipy-plain.mat"
    savemat(os.path.join(HERE, name), VARIABLES, do_compression=compressed, oned_as="row")
savemat(os.path.join(HERE, "scipy-version-4.mat"), {"counts": np.arange(3.0)}, format="4")
