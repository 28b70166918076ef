#!/usr/bin/env python3
"""Checks that the files written by `rewrite DATA OUT` load in the cnn2snn of the running
environment (1.8.13 with TF 2.4, or 2.2.6 with TF 2.10), predict the same numbers and convert to
the same Akida variables as the original.

Use: roundtrip.py DATA OUT; prints `ok NAME` or `FAIL NAME why`; exit code 1 if anything failed.

Where the original loads in this environment, predictions and variables must be equal. An original
of the other release is compared with the reference numbers of expected/NAME.expected.h5, which
another TensorFlow computed: 1e-4 of the largest output, as a float sum near a step may fall to its
other side in at most 1 of 100 outputs."""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import cnn2snn
import h5py
import numpy as np
import tensorflow as tf

OURS = "18" if tf.__version__.startswith("2.4.") else "22"


def load(path):
    return cnn2snn.load_quantized_model(path)


def inputs_of(model, data, name):
    """The reference inputs of a model of tests/data, or random ones."""
    base = os.path.join(data, "expected", name.split(".")[0] + ".expected.h5")
    if os.path.exists(base):
        with h5py.File(base, "r") as f:
            x = f["inputs"][()].astype("float32")
            first = [layer.__class__.__name__ for layer in model.layers[:2]]
            if "Rescaling" not in first:
                x = (x - np.float32(f.attrs["shift"])) / np.float32(f.attrs["scale"])
        return x[:32]
    random = np.random.RandomState(1)
    shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
    values = [random.uniform(0, 1, (4,) + tuple(n or 8 for n in shape[1:])).astype("float32")
              for shape in shapes]
    return values if len(values) > 1 else values[0]


def as_list(y):
    return y if isinstance(y, list) else [y]


def scaling(model, data, name):
    base = os.path.join(data, "expected", name.split(".")[0] + ".expected.h5")
    if not os.path.exists(base):
        return {"input_scaling": (255, 0)}
    with h5py.File(base, "r") as f:
        scale, shift, image = f.attrs["scale"], f.attrs["shift"], f.attrs["image"]
    return {"input_scaling": (float(scale), float(shift)), "input_is_image": bool(image)}


def convert(model, data, name):
    """All variables and parameters of the converted model."""
    options = scaling(model, data, name)
    if any(layer.__class__.__name__ == "Rescaling" for layer in model.layers[:2]):
        options.pop("input_scaling")
    akida_model = cnn2snn.convert(model, **options)
    found = {}
    for layer in akida_model.layers:
        for variable in layer.get_variable_names():
            found[(layer.name, variable)] = np.array(layer.get_variable(variable))
    return found


def compare_predictions(written, original, data, name):
    x = inputs_of(written, data, name)
    for a, b in zip(as_list(written.predict(x)), as_list(original.predict(x))):
        if not np.array_equal(a, b):
            return "predictions differ by %g" % np.abs(a - b).max()
    return None


def compare_conversions(written, original, data, name):
    a, b = convert(written, data, name), convert(original, data, name)
    if sorted(k[1] for k in a) != sorted(k[1] for k in b):
        return "converted layers differ"
    for (key, value), (_, other) in zip(a.items(), b.items()):
        if value.shape != other.shape or not np.array_equal(value, other):
            return "variable %s of %s differs" % (key[1], key[0])
    return None


def compare_reference(written, data, name):
    """The other release's numbers: name is MODEL.expected_v22_iq8_wq4_aq4.h5."""
    model, rest = name.split(".")[0], name.split("expected_")[1][:-3]
    version, tag = rest[:3], rest[4:]
    with h5py.File(os.path.join(data, "expected", model + ".expected.h5"), "r") as f:
        expected = f[version][tag]["output"][()][:32]
    y = written.predict(inputs_of(written, data, name))[:len(expected)]
    off = np.abs(y - expected) > 1e-4 * np.abs(expected).max()
    if off.mean() > 0.01:
        return "%d of %d outputs differ from the reference" % (off.sum(), off.size)
    return None


def check(data, folder, file):
    """What went wrong, or None; and what was compared."""
    name = file.replace("+", "/")
    written = load(os.path.join(folder, file))
    base = os.path.basename(name)
    try:
        original = load(os.path.join(data, name))
    except (TypeError, ValueError, AttributeError):
        original = None
    if original is None and "expected_" in base:
        return compare_reference(written, data, base), "reference"
    if original is None:  # Keras 3
        written.predict(inputs_of(written, data, base))
        return None if folder.endswith("keras") else "the original does not load here", "loads"
    why = compare_predictions(written, original, data, base)
    if why is None and folder.endswith(OURS):
        return compare_conversions(written, original, data, base), "predictions, conversion"
    return why, "predictions"


def main():
    data, out = sys.argv[1:]
    failed = 0
    for kind in ("keras", OURS):
        folder = os.path.join(out, kind)
        for file in sorted(os.listdir(folder)):
            try:
                why, what = check(data, folder, file)
            except Exception as problem:  # any failure of the toolkit is one of the file
                why = "%s: %s" % (type(problem).__name__, str(problem).split("\n")[0])
            tf.keras.backend.clear_session()
            failed += why is not None
            print("ok %s/%s (%s)" % (kind, file, what) if why is None else
                  "FAIL %s/%s %s" % (kind, file, why), flush=True)
    print("%d failed" % failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
