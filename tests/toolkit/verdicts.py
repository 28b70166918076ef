#!/usr/bin/env python3
"""Asks the cnn2snn of the running environment about every model of a list: quantize,
check_model_compatibility before and after, convert; and akida: does it map on a virtual AKD1000
(2.2.6), what of it is incompatible with the first chips (1.8.13).

Use: verdicts.py LIST FOLDER [K/N] [--short]   after write_models LIST FOLDER
Prints one JSON object a line. K/N: every N-th model, from the K-th; --short: without the check after
quantize. An answer that is not there is a yes; texts are cut."""
import contextlib
import io
import json
import os
import re
import sys
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
warnings.simplefilter("ignore")

import akida
import cnn2snn
import numpy as np
import tensorflow as tf

tf.get_logger().setLevel("ERROR")
IS_18 = tf.__version__.startswith("2.4.")
LONGEST = 150
NAN, INF = np.float32(1e37), np.float32(2e37)  # what write_models writes for them


def unmask(model):
    for layer in model.layers:
        values = layer.get_weights()
        if any((v == NAN).any() or (v == INF).any() for v in values):
            for v in values:
                v[v == NAN] = np.nan
                v[v == INF] = np.inf
            layer.set_weights(values)
    return model


def short(text, times=1):
    """Without line breaks and addresses of objects, cut."""
    return re.sub(" at 0x[0-9a-f]+", "", " ".join(text.split()))[:times * LONGEST]


def attempt(answers, key, function):
    """What the function returns; a refusal becomes answers[key]."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            result = function()
    except Exception as problem:  # the toolkit fails in every way there is
        text = str(problem).strip() or type(problem).__name__
        answers[key] = short(text)
        return None
    if result is False:
        answers[key] = short(printed.getvalue().partition("Akida model:")[2]) or "False"
        return None
    return result


def ask_akida(answers, model):
    if IS_18:
        found = akida.compatibility.model_hardware_incompatibilities(model, akida.NsocVersion.v1)
        # The first chips have no input convolution, so what it says of one is of no use.
        if model.layers[0].parameters.layer_type == akida.LayerType.InputConvolutional:
            found = [text for text in found if not text.startswith("Layer %s " % model.layers[0].name)]
        if found:
            answers["v1"] = short(" | ".join(found).replace("is not compatible with hardware:", ""), 2)
    else:
        attempt(answers, "map", lambda: model.map(akida.AKD1000(), hw_only=True))


def ask(line, folder, is_short):
    head, _ = line.split(":", 1)
    name, kind, bits = head.split()
    w, a, i = map(int, bits.split("/"))
    is_image = kind == "image"
    answers = {"name": name}
    model = attempt(answers, "load", lambda: unmask(
        cnn2snn.load_quantized_model(os.path.join(folder, name + ".h5"))))
    if model is None:
        return answers
    attempt(answers, "check", lambda: cnn2snn.check_model_compatibility(model, input_is_image=is_image))
    quantized = attempt(answers, "quantize", lambda: cnn2snn.quantize(model, w, a, i))
    if quantized is None:
        return answers
    if not is_short:
        attempt(answers, "check_quantized",
                lambda: cnn2snn.check_model_compatibility(quantized, input_is_image=is_image))
    options = {"input_is_image": is_image}
    if not any(layer.__class__.__name__ == "Rescaling" for layer in model.layers[:2]):
        options["input_scaling"] = (255, 0) if is_image else (1, 0)
    converted = attempt(answers, "convert", lambda: cnn2snn.convert(quantized, **options))
    if converted is not None:
        ask_akida(answers, converted)
    return answers


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    part = [word for word in sys.argv[3:] if "/" in word]
    k, n = map(int, part[0].split("/")) if part else (0, 1)
    for line in lines[k::n]:
        print(json.dumps(ask(line, sys.argv[2], "--short" in sys.argv)), flush=True)
        tf.keras.backend.clear_session()


if __name__ == "__main__":
    main()
