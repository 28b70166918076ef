#!/usr/bin/env python3
"""Trains models in the TensorFlow and cnn2snn of the running environment (2.10 with 2.2.6, or 2.4
with 1.8.13) and compares every number with what train_steps makes of the same weights, samples and
optimizer: gradients of the first step, losses, weights after 1, 10 and 100 steps.

Use: training.py DATA TRAIN_STEPS ENGINE...            prints `ok CASE` or `FAIL CASE why`
     training.py DATA --record                         writes DATA/training/RELEASE.h5 for the tests
     training.py DATA --make                           writes the small models of DATA/training

How far two correct float32 programs may drift apart in 100 steps is no constant: behind a quantized
activation one rounding can become a whole step, and training goes on from there. So every case is
trained again with each initial weight moved by at most one rounding (2^-24 of it), eight times, in
TensorFlow alone. The largest distance of those from the first is TensorFlow's own uncertainty; ours
may be `UNCERTAIN` times that, and at least `SURE` of the tensor's norm.

A maximum pool over integer potentials has ties that only rounding decides, so that the gradient of
the first step is as uncertain as the later ones. Cases named *_average have average pools instead
and go one step: without ties, gradients must be within `SURE` for certain.

Cases named *_exact have scales that are powers of two, and pixels / 256: integer potentials are
exact numbers in any order of sums, ties in a maximum pool are ties everywhere, and nothing can fall
on another side. They go one step, in which every number must be within `SURE`."""
import os
import subprocess
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import cnn2snn
import gzip
import h5py
import numpy as np
import tensorflow as tf

RELEASE = "v18" if tf.__version__.startswith("2.4.") else "v22"
SURE, CURVE, UNCERTAIN, RUNS = 1e-4, 0.01, 4, 8
MARKS = (1, 10, 100)
# name, model, optimizer, learning rate, batch
CASES = {
    "v22": [
        ("fm_sep_float", "fm_sep.h5", "adam", 0.001, 32),
        ("fm_sep_w4_a4", "expected/fm_sep.expected_v22_iq8_wq4_aq4.h5", "adam", 0.0001, 32),
        ("fm_sep_w2_a2", "expected/fm_sep.expected_v22_iq8_wq2_aq2.h5", "sgd", 0.001, 32),
        ("fm_sep_w4_a4_average", "expected/fm_sep.expected_v22_iq8_wq4_aq4.h5", "adam", 0.0001, 32),
        ("fm_sep_w2_a2_average", "expected/fm_sep.expected_v22_iq8_wq2_aq2.h5", "sgd", 0.001, 32),
        ("fm_sep_w2_a2_exact", "expected/fm_sep.expected_v22_iq8_wq2_aq2.h5", "sgd", 0.001, 32),
        ("ds_cnn_w4_a4", "expected/ds_cnn.expected_v22_iq8_wq4_aq4.h5", "adam", 0.001, 16),
        ("mlp_float", "mlp.h5", "sgd", 0.01, 32),
        ("mlp_w4_a4", "expected/mlp.expected_v22_iq4_wq4_aq4.h5", "adam", 0.001, 32),
        ("branched", "training/branched.h5", "sgd", 0.01, 16),
    ],
    "v18": [
        ("fm_sep_18", "expected/fm_sep.expected_v18_iq8_wq4_aq4.h5", "sgd", 0.001, 32),
        ("trained_adam", "training/trained.h5", "adam", 0.001, 16),
        ("trained_sgd", "training/trained.h5", "sgd", 0.01, 16),
    ],
}


def marks_of(name):
    return MARKS[:1] if name.endswith(("_average", "_exact")) else MARKS


def read_idx(path, skip):
    with gzip.open(path) as f:
        return np.frombuffer(f.read()[skip:], "uint8")


class Samples:
    """The order of samples of tests/support/training_steps.h."""

    def __init__(self, data, model, batch, scale=255):
        folder = os.path.join(data, "fashion-mnist-1k")
        self.images = read_idx(os.path.join(folder, "t10k-images-idx3-ubyte.gz"), 16)
        self.images = self.images.reshape(-1, 784).astype("float32") / np.float32(scale)
        self.labels = read_idx(os.path.join(folder, "t10k-labels-idx1-ubyte.gz"), 8)
        self.shape = tuple(model.input_shape[1:])
        self.classes = int(np.prod(model.output_shape[1:]))
        self.batch, self.scale = batch, scale

    def get(self, step):
        chosen = (step * self.batch + np.arange(self.batch)) % len(self.images)
        n = int(np.prod(self.shape))
        first = (784 - n) // 2 if n < 784 else 0
        pixels = (first + np.arange(n)) % 784
        x = self.images[chosen][:, pixels].reshape((-1,) + self.shape)
        return x, self.labels[chosen].astype("int64") % self.classes


def roles(model):
    """Variable of each "layer/role" as train_steps names them."""
    found = {}
    for layer in model.layers:
        for variable in layer.weights:
            role = variable.name.split("/")[-1].split(":")[0]
            if role == "threshold" and hasattr(layer, "quantizer"):
                is_main = variable is getattr(layer.quantizer, "threshold_", None)
                role = "weight_threshold" if is_main else "depthwise_threshold"
            found[layer.name + "/" + role] = variable
    return found


def with_average_pools(model):
    def replace(layer):
        config = layer.get_config()
        if isinstance(layer, tf.keras.layers.MaxPooling2D):
            return tf.keras.layers.AveragePooling2D.from_config(config)
        return layer.__class__.from_config(config)

    copy = tf.keras.models.clone_model(model, clone_function=replace)
    copy.set_weights(model.get_weights())
    return copy


def with_exact_steps(model):
    """Activations whose step is a power of two. Release 1.8 has a fixed one: 1 with 2 bits."""
    def replace(layer):
        config = layer.get_config()
        if config.get("max_value"):
            levels = 2.0**config["bitwidth"] - 1
            config["max_value"] = levels * 2.0**np.round(np.log2(config["max_value"] / levels))
        return layer.__class__.from_config(config)

    copy = tf.keras.models.clone_model(model, clone_function=replace)
    copy.set_weights(model.get_weights())
    return copy


def snapped(w, quantizer):
    """Weights of which the largest, of a scale, is kmax times a power of two."""
    axes = tuple(range(w.ndim - 1)) if "PerAxis" in type(quantizer).__name__ else None
    w, kmax = w.astype("float64"), 2.0**(quantizer.bitwidth - 1) - 1
    largest = np.abs(w).max(axis=axes, keepdims=True)
    wanted = kmax * 2.0**np.round(np.log2(largest / kmax))
    return np.where(np.abs(w) == largest, np.sign(w) * wanted, w * (wanted / largest))


def snap(model):
    for layer in model.layers:
        for variable in layer.weights:
            role = variable.name.split("/")[-1].split(":")[0]
            if role.endswith("kernel"):
                quantizer = layer.quantizer_dw if role == "depthwise_kernel" else layer.quantizer
                variable.assign(snapped(variable.numpy(), quantizer))
            elif role == "bias":
                variable.assign(np.round(variable.numpy() * 4096) / 4096)


class Case:
    """A compiled model that can be trained again from any weights; self.file is what it began as."""

    def __init__(self, data, case, folder):
        name, file, optimizer, rate, batch = case
        self.file = os.path.join(data, file)
        self.model = self.load(name)
        if name.endswith(("_average", "_exact")):
            self.file = os.path.join(folder, name + ".h5")
            self.model.save(self.file, include_optimizer=False)
        for layer in self.model.layers:
            if isinstance(layer, tf.keras.layers.Dropout):
                layer.rate = 0.0
        self.samples = Samples(data, self.model, batch, 256 if name.endswith("_exact") else 255)
        ends = self.model.layers[-1].get_config()
        is_softmax = "Softmax" in type(self.model.layers[-1]).__name__ or \
            ends.get("activation") == "softmax"
        loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=not is_softmax)
        optimizer = tf.keras.optimizers.Adam(rate) if optimizer == "adam" else \
            tf.keras.optimizers.SGD(rate, momentum=0.9)
        self.model.compile(optimizer=optimizer, loss=loss)
        self.start = self.model.get_weights()
        # Reciprocal, which graphs use for 1 / x, is not exact even for powers of two.
        tf.config.run_functions_eagerly(name.endswith("_exact"))

    def load(self, name):
        model = cnn2snn.load_quantized_model(self.file)
        if name.endswith("_exact"):
            model = with_exact_steps(model)
            snap(model)
        return with_average_pools(model) if name.endswith("_average") else model

    def start_from(self, seed):
        """The initial weights; with a seed each moved by a rounding."""
        random = np.random.RandomState(seed)
        self.model.set_weights(self.start if seed is None else [
            (w * (1 + random.uniform(-2.0**-24, 2.0**-24, w.shape))).astype("float32")
            for w in self.start])

    def gradients(self):
        """A function of a seed that gives the gradients of the first step."""
        model, variables = self.model, self.model.trainable_variables
        x, y = self.samples.get(0)

        @tf.function
        def compute(x, y):
            with tf.GradientTape() as tape:
                loss = model.compiled_loss(y, model(x, training=True))
            return tape.gradient(loss, variables)

        def from_seed(seed):
            self.start_from(seed)
            values = compute(tf.constant(x), tf.constant(y))
            names = {id(v): name for name, v in roles(model).items()}
            return {names[id(v)]: g.numpy() for v, g in zip(variables, values)}

        return from_seed

    def train(self, steps, seed=None):
        """Losses [steps] and weights after each mark."""
        weights = {}
        self.start_from(seed)
        for variable in self.model.optimizer.variables():
            variable.assign(tf.zeros_like(variable))
        losses = np.zeros(steps, "float32")
        for step in range(steps):
            self.model.reset_metrics()
            losses[step] = self.model.train_on_batch(*self.samples.get(step))
            if step + 1 in MARKS:
                weights[step + 1] = {n: v.numpy() for n, v in roles(self.model).items()}
        return losses, weights


def read_numbers(f):
    """What train_steps wrote up to an end, by name."""
    found = {}
    while True:
        name, _, n = f.readline().decode().rpartition(" ")
        if name in ("", "end"):
            return found
        found[name] = np.frombuffer(f.read(4 * int(n)), "float32")


def distance(a, b):
    """Norm of the difference over the norm of b."""
    a, b = np.asarray(a, "float64").ravel(), np.asarray(b, "float64").ravel()
    return np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12)


class Reference:
    """TensorFlow's numbers of one case, "gradient/LAYER/ROLE", "weightsSTEP/LAYER/ROLE" and
    "lossSTEP" (up to it), and for each how far TensorFlow is from it when the weights begin a
    rounding off. view is what of a tensor counts."""

    def __init__(self, data, case, folder, view=lambda name, value: value):
        trained = Case(data, case, folder)
        self.file = trained.file
        gradients = trained.gradients()
        runs = []
        others = 0 if case[0].endswith("_exact") else RUNS
        for seed in (None,) + tuple(range(1, others + 1)):
            numbers = {"gradient/" + n: g for n, g in gradients(seed).items()}
            losses, weights = trained.train(marks_of(case[0])[-1], seed)
            for mark in marks_of(case[0]):
                numbers["loss%d" % mark] = losses[:mark]
                numbers.update(("weights%d/%s" % (mark, n), w) for n, w in weights[mark].items())
            runs.append({n: view(n, v) for n, v in numbers.items()})
        self.numbers = runs[0]
        self.drift = {n: max((distance(other[n], v) for other in runs[1:]), default=0)
                      for n, v in self.numbers.items()}


def allowed(name, drift):
    """How far ours may be, as part of the norm."""
    return max(CURVE if name.startswith("loss") else SURE, UNCERTAIN * drift)


def compare(reference, ours):
    """What is out of bounds, and the worst of each kind in a summary."""
    wrong, worst = [], {}
    for name, value in ours.items():
        kind, off = name.split("/")[0], distance(value, reference.numbers[name])
        bound = allowed(name, reference.drift[name])
        if not off <= bound:
            wrong.append("%s: %.3g, allowed %.3g" % (name, off, bound))
        if off / bound >= worst.get(kind, (0, 1))[0] / worst.get(kind, (0, 1))[1]:
            worst[kind] = (off, bound)
    summary = ", ".join("%s %.2g of %.2g" % (kind, off, bound)
                        for kind, (off, bound) in sorted(worst.items()))
    return wrong, summary


def run_steps(program, engine, data, file, case):
    """Our numbers by the names of the reference. The naive engine goes all the way on small models
    only."""
    name, _, optimizer, rate, batch = case
    is_slow = engine == "ref" and name.startswith("fm_sep")
    scale = "256" if name.endswith("_exact") else "255"
    steps = min(MARKS[1] if is_slow else MARKS[-1], marks_of(name)[-1])
    with subprocess.Popen([program, engine, file, os.path.join(data, "fashion-mnist-1k"),
                           optimizer, str(rate), str(batch), scale, str(steps)],
                          stdout=subprocess.PIPE) as process:
        found = read_numbers(process.stdout)
    losses = found.pop("loss")
    found.update(("loss%d" % mark, losses[:mark]) for mark in MARKS if mark <= steps)
    return found


def some(name, value):
    """Of a large tensor every n-th number is recorded: up to 256 of a gradient, 64 of weights."""
    value, most = value.ravel(), 256 if name.startswith("gradient") else 64
    return value if name.startswith("loss") else value[::max(1, -(-len(value) // most))]


def record(data, folder):
    path = os.path.join(data, "training", RELEASE + ".h5")
    with h5py.File(path, "w") as f:
        for case in CASES[RELEASE]:
            name, file, optimizer, rate, batch = case
            if name.endswith("_average") or name == "fm_sep_w2_a2":
                continue  # no model is kept of the former, and the latter is too wide to prove much
            reference = Reference(data, case, folder, some)
            names = sorted(reference.numbers)
            group = f.create_group(name)
            group.attrs["model"], group.attrs["optimizer"] = file, optimizer
            group.attrs["learning_rate"], group.attrs["batch"] = rate, float(batch)
            group.attrs["names"] = np.array(names, "S")
            group["counts"] = np.array([len(reference.numbers[n]) for n in names], "int32")
            group["drift"] = np.array([reference.drift[n] for n in names], "float32")
            group["values"] = np.concatenate([reference.numbers[n] for n in names])
            tf.keras.backend.clear_session()


def make_branched(path):
    """Every kind of quantizer of 2.2.6, batch normalization behind quantized layers, branches."""
    layers, quantized = tf.keras.layers, cnn2snn
    x = inputs = layers.Input((12, 12, 1))
    x = quantized.QuantizedConv2D(6, 3, cnn2snn.MaxPerAxisQuantizer(8), name="conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = fork = quantized.QuantizedReLU(4, max_value=6, name="relu")(x)
    x = quantized.QuantizedConv2D(6, 3, cnn2snn.StdPerAxisQuantizer(2, 4), padding="same",
                                  use_bias=False, name="left")(x)
    left = layers.BatchNormalization(scale=False, name="left_norm")(x)
    right = quantized.QuantizedSeparableConv2D(
        6, 3, cnn2snn.StdWeightQuantizer(1.5, 4), quantizer_dw=cnn2snn.MaxQuantizer(4),
        padding="same", name="right")(fork)
    x = layers.Add(name="add")([left, right])
    x = quantized.QuantizedReLU(2, max_value=2, name="add_relu")(x)
    x = layers.Concatenate(name="concatenate")([x, fork])
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    x = quantized.QuantizedDense(10, cnn2snn.MaxQuantizer(4), name="dense")(x)
    save(tf.keras.Model(inputs, layers.Activation("softmax", name="softmax")(x)), path)


def make_trained(path):
    """What 1.8.13 trains besides weights: thresholds of weights, thresholds and steps of ReLUs."""
    layers = tf.keras.layers
    x = inputs = layers.Input((12, 12, 1))
    x = cnn2snn.QuantizedConv2D(6, 3, cnn2snn.TrainableStdWeightQuantizer(1.5, 4), name="conv")(x)
    x = layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = cnn2snn.QuantizedReLU(4, name="relu")(x)
    x = cnn2snn.QuantizedSeparableConv2D(
        8, 3, cnn2snn.TrainableStdWeightQuantizer(2, 4),
        quantizer_dw=cnn2snn.TrainableStdWeightQuantizer(1.5, 4), padding="same",
        name="separable")(x)
    x = cnn2snn.QuantizedReLU(2, name="separable_relu")(x)
    x = layers.Flatten(name="flatten")(x)
    x = cnn2snn.QuantizedDense(10, cnn2snn.StdWeightQuantizer(2, 4), name="dense")(x)
    save(tf.keras.Model(inputs, x), path)


def save(model, path):
    """With weights that differ in every role: biases and norms do not begin at 0 and 1."""
    random = np.random.RandomState(7)
    for name, variable in roles(model).items():
        role = name.split("/")[1]
        if role in ("bias", "beta", "moving_mean"):
            variable.assign(random.uniform(-0.2, 0.2, variable.shape))
        elif role in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    model.save(path, include_optimizer=False)


def compare_all(data, program, engines, folder):
    failed = 0
    for case in CASES[RELEASE]:
        reference = Reference(data, case, folder)
        for engine in engines:
            ours = run_steps(program, engine, data, reference.file, case)
            wrong, summary = compare(reference, ours)
            failed += bool(wrong)
            print("%s %s %s: %s" % ("FAIL" if wrong else "ok", case[0], engine, summary), flush=True)
            for line in wrong[:8]:
                print("   " + line, flush=True)
        tf.keras.backend.clear_session()
    print("%d failed" % failed)
    return 1 if failed else 0


def main():
    data, rest = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        if rest == ["--record"]:
            return record(data, folder)
        if rest == ["--make"]:
            name, make = {"v22": ("branched", make_branched), "v18": ("trained", make_trained)}[RELEASE]
            return make(os.path.join(data, "training", name + ".h5"))
        return compare_all(data, rest[0], rest[1:], folder)


if __name__ == "__main__":
    sys.exit(main())
