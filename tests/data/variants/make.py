#!/usr/bin/env python3
"""Writes the files of this folder: one small model in the words of many writers.

usage: make.py WRITER FOLDER    with the Python that has the writer:
  keras      whichever keras it imports: 1.2, 2.0 to 2.3 (on Theano), 3.x (on JAX)
  tensorflow tf.keras: 1.15, 2.4, 2.10, 2.12, 2.13
  cnn2snn    1.8 or 2.2: the same model quantized
  hand       h5py and zipfile alone: what no installable writer writes

All weights are small multiples of 1/64, so that float16, bfloat16 and float64 hold them exactly:
every variant must predict the same, to the bit. README.md of tests/data lists who wrote what.
"""
import json
import os
import sys
import zipfile

import numpy as np

SHAPES = [  # in the order in which Keras keeps them
    ("c", [(3, 3, 1, 4)]),
    ("b", [(4,), (4,), (4,), (4,)]),
    ("s", [(3, 3, 4, 1), (1, 1, 4, 4), (4,)]),
    ("d", [(64, 3), (3,)]),
]
ROLES = {
    "c": ["kernel"],
    "b": ["gamma", "beta", "moving_mean", "moving_variance"],
    "s": ["depthwise_kernel", "pointwise_kernel", "bias"],
    "d": ["kernel", "bias"],
}


def values(seed, shape, low=-31):
    """Odd numbers in a row that does not repeat, over 64."""
    n = int(np.prod(shape))
    steps = (np.arange(n, dtype=np.int64) * 37 + seed * 11) % 32
    return ((2 * steps + low) / 64.0).astype("float32").reshape(shape)


def weights():
    """{layer: [arrays]}; gamma and variance are positive."""
    found, seed = {}, 1
    for layer, shapes in SHAPES:
        found[layer] = []
        for role, shape in zip(ROLES[layer], shapes):
            low = 33 if role in ("gamma", "moving_variance") else -31
            found[layer].append(values(seed, shape, low))
            seed += 1
    return found


def samples():
    n = 2 * 8 * 8
    return (np.arange(n) * 29 % 97 / np.float32(97)).astype("float32").reshape(2, 8, 8, 1)


def set_weights(model, is_turned=False):
    """Nested models too; the arrays of a layer by its name. Theano turns the kernels of Conv2D
    around: turned ones give the same model."""
    known = weights()
    if is_turned:
        known["c"][0] = known["c"][0][::-1, ::-1]
    for layer in model.layers:
        if hasattr(layer, "layers"):
            set_weights(layer)
        elif layer.name in known:
            layer.set_weights(known[layer.name])


def layers_of(L, with_input=True, relu=None, **first):
    """The layers in order, as functions of a Keras layers module."""
    relu = relu or (lambda name: L.ReLU(name=name))
    return [
        L.Conv2D(4, (3, 3), padding="same", use_bias=False, name="c", **first),
        L.BatchNormalization(name="b"),
        relu("r"),
        L.MaxPooling2D((2, 2), name="p"),
        L.SeparableConv2D(4, (3, 3), padding="same", name="s"),
        relu("t"),
        L.Flatten(name="f"),
        L.Dense(3, activation="softmax", name="d"),
    ]


def report(name, model):
    print(name, np.round(np.asarray(model.predict(samples())), 7).tolist())


def write_keras_1(keras, folder):
    from keras.layers import Convolution2D, Dense, Flatten
    from keras.models import Sequential
    model = Sequential([
        Convolution2D(2, 3, 3, input_shape=(8, 8, 1), dim_ordering="tf"), Flatten(), Dense(3)])
    model.save(folder + "/keras_1.h5")


def write_keras_2(keras, folder):
    """Keras of its own, before it became TensorFlow's; on Theano, which turns kernels around."""
    from keras import layers as L
    from keras.models import Model, Sequential
    version = keras.__version__
    is_turned = keras.backend.backend() == "theano"
    tail = "_theano" if is_turned else ""
    relu = None if hasattr(L, "ReLU") and version >= "2.2" else (
        lambda name: L.Activation("relu", name=name))
    model = Sequential(layers_of(L, relu=relu, input_shape=(8, 8, 1)))
    set_weights(model, is_turned)
    model.save("%s/keras_%s%s.h5" % (folder, version, tail))
    report(version, model)
    if version < "2.2.4" or is_turned:
        return
    x = y = L.Input((8, 8, 1), name="in")
    for layer in layers_of(L, relu=relu):
        y = layer(y)
    model = Model(x, y)
    set_weights(model)
    model.compile("sgd", "mse")
    model.save("%s/keras_%s_model.h5" % (folder, version))


def sequential(keras, relu=None, **first):
    L = keras.layers
    model = keras.Sequential([L.InputLayer((8, 8, 1), name="in")] + layers_of(L, relu=relu, **first),
                             name="variant")
    set_weights(model)
    return model


def functional(keras):
    L = keras.layers
    x = y = L.Input((8, 8, 1), name="in")
    for layer in layers_of(L, relu=lambda name: L.Activation("relu", name=name)):
        y = layer(y)
    model = keras.Model(x, y, name="variant")
    set_weights(model)
    return model


def nested(keras):
    """Sequential in the middle of a Functional model, that in the middle of a Sequential."""
    L = keras.layers
    parts = layers_of(L)
    inner = keras.Sequential([L.InputLayer((4, 4, 4))] + parts[4:6], name="inner")
    x = L.Input((8, 8, 4))
    y = x
    for layer in parts[1:4] + [inner]:
        y = layer(y)
    middle = keras.Model(x, y, name="middle")
    model = keras.Sequential([L.InputLayer((8, 8, 1)), parts[0], middle] + parts[6:], name="outer")
    set_weights(model)
    return model


def write_tensorflow(folder):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf
    keras = tf.keras
    version = ".".join(tf.__version__.split(".")[:2])
    name = "%s/tf_%s" % (folder, version)
    models = {"": sequential(keras), "_model": functional(keras), "_nested": nested(keras)}
    report(version, models[""])
    models["_model"].compile("adam", "mse")
    if version == "1.15":
        models[""].save(name + ".h5", save_format="h5")
    elif version in ("2.4", "2.10"):
        for tail, model in models.items():
            model.save(name + tail + ".h5", include_optimizer=False)
        models["_nested"].save_weights(name + "_nested_weights.h5")
        with open(name + "_nested.json", "w") as file:
            file.write(models["_nested"].to_json())
    elif version == "2.12":
        for tail, model in models.items():
            model.save(name + tail + ".keras", save_format="keras_v3")
        models[""].save(name + "_hdf5.keras", save_format="h5")
    else:
        for tail, model in models.items():
            model.save(name + tail + ".keras")
        models["_model"].save_weights(name + "_model.weights.h5")
        with open(name + "_model.json", "w") as file:
            file.write(models["_model"].to_json())


def write_keras_3(keras, folder):
    version = ".".join(keras.__version__.split(".")[:2])
    name = "%s/keras_%s" % (folder, version)
    models = {"": sequential(keras), "_model": functional(keras), "_nested": nested(keras)}
    report(version, models[""])
    models[""].compile("adam", "mse")
    models["_model"].save(name + "_model.keras")
    models["_nested"].save(name + "_nested.keras")
    if version == "3.0":
        models[""].save(name + ".keras")
    if version != "3.11":
        return
    models[""].save(name + ".h5")
    models["_nested"].save(name + "_nested.h5")
    models["_nested"].save_weights(name + "_nested.weights.h5")
    for policy in "bfloat16", "float16":
        keras.config.set_dtype_policy(policy)
        sequential(keras).save("%s_%s.keras" % (name, policy))
    keras.config.set_dtype_policy("float32")
    int8 = sequential(keras)
    int8.quantize("int8")
    int8.save(name + "_int8.keras")
    L = keras.layers
    x = L.Input((8, 8, 1))
    y = keras.ops.relu(L.Conv2D(2, 3, name="k")(x) + 1.0)  # operations outside any layer
    keras.Model(x, y).save(name + "_ops.keras")


def write_cnn2snn(folder):
    """Quantized layers with the same fixed threshold in every file: their scales agree."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from importlib import metadata
    import tensorflow as tf
    from cnn2snn import quantization_layers as Q
    from cnn2snn import quantization_ops as O
    L, version = tf.keras.layers, ".".join(metadata.version("cnn2snn").split(".")[:2])
    std = lambda: O.StdWeightQuantizer(threshold=3, bitwidth=4)
    relus = {"": Q.ActivationDiscreteRelu}
    relus["_relu"] = (lambda bitwidth, name: Q.QuantizedReLU(bitwidth, 6.0, name=name)) \
        if version == "2.2" else Q.QuantizedReLU
    for tail, relu in relus.items():
        model = tf.keras.Sequential([
            L.InputLayer((8, 8, 1), name="in"),
            Q.QuantizedConv2D(4, (3, 3), padding="same", quantizer=std(), use_bias=False, name="c"),
            relu(bitwidth=4, name="r"),
            L.MaxPooling2D((2, 2), name="p"),
            Q.QuantizedSeparableConv2D(4, (3, 3), padding="same", quantizer=std(),
                                       quantizer_dw=std(), name="s"),
            relu(bitwidth=4, name="t"),
            L.Flatten(name="f"),
            Q.QuantizedDense(3, quantizer=std(), name="d"),
        ], name="quantized")
        set_weights(model)
        for name in ("r", "t"):
            layer = model.get_layer(name)
            if layer.weights:  # of release 1.8: threshold and step, at what a range of 6 gives
                by_name = {w.name.split("/")[-1].split(":")[0]: w for w in layer.weights}
                step = np.float32(6) / np.float32(15)
                by_name["step"].assign(step)
                by_name["threshold"].assign(step / 2)
        model.save("%s/cnn2snn_%s%s.h5" % (folder, version, tail), include_optimizer=False)
        report(version + tail, model)


# ---- what no installable writer writes: h5py and zipfile alone

def layer(class_name, name, **config):
    return {"class_name": class_name, "config": dict({"name": name, "trainable": True}, **config)}


def plain_layers(**first):
    """As TF 2.10 says the model, without what a loader never needs."""
    return [
        layer("Conv2D", "c", filters=4, kernel_size=[3, 3], padding="same", use_bias=False, **first),
        layer("BatchNormalization", "b", axis=[3], epsilon=0.001),
        layer("ReLU", "r", max_value=None),
        layer("MaxPooling2D", "p", pool_size=[2, 2], strides=[2, 2], padding="valid"),
        layer("SeparableConv2D", "s", filters=4, kernel_size=[3, 3], padding="same"),
        layer("ReLU", "t", max_value=None),
        layer("Flatten", "f"),
        layer("Dense", "d", units=3, activation="softmax"),
    ]


SHAPE = {"batch_input_shape": [None, 8, 8, 1]}


def sequential_config(layers):
    return {"class_name": "Sequential", "config": {"name": "variant", "layers": layers}}


def functional_config(layers, order=1):
    entries, before = [{"class_name": "InputLayer", "name": "in", "inbound_nodes": [],
                        "config": dict(SHAPE, name="in")}], "in"
    for entry in layers:
        name = entry["config"]["name"]
        entries.append(dict(entry, name=name, inbound_nodes=[[[before, 0, 0, {}]]]))
        before = name
    return {"class_name": "Functional", "config": {
        "name": "variant", "layers": entries[::order], "input_layers": [["in", 0, 0]],
        "output_layers": [[before, 0, 0]]}}


def fixed(text):
    return np.bytes_(text.encode("utf-8"))


def fixed_list(names):
    return np.array([n.encode("utf-8") for n in names]) if names else np.zeros((0,))


class Hand:
    """How a file is written; each variant changes one thing."""

    def __init__(self, folder):
        import h5py
        self.h5py, self.folder = h5py, folder

    def text(self, at, key, value):
        at.attrs[key] = value

    def names(self, at, key, names):
        at.attrs[key] = fixed_list(names)

    def weight_name(self, layer, role, number):
        return "%s/%s:0" % (layer, role)

    def dataset(self, group, name, array):
        group.create_dataset(name, data=array)

    def arrays(self):
        return weights()

    def fill(self, root, layers):
        """The groups of a weights file, one for each layer."""
        known, all_names = self.arrays(), [l["config"]["name"] for l in layers]
        self.names(root, "layer_names", all_names)
        for name in all_names:
            group = root.create_group(name)
            key = self.key_of(name)
            names = [self.weight_name(name, role, i) for i, role in enumerate(ROLES.get(key, []))]
            for weight, array in zip(names, known.get(key, [])):
                self.dataset(group, weight, array)
            self.names(group, "weight_names", self.listed(names))

    def listed(self, names):
        return names

    def key_of(self, name):
        return name

    def write(self, name, layers=None, config=None, keras_version="2.10.0", extra=None, **options):
        layers = layers or plain_layers(**SHAPE)
        config = config or sequential_config(layers)
        text = config if isinstance(config, str) else json.dumps(config)
        options = dict({"libver": ("v108", "v110")}, **options)
        with self.h5py.File("%s/%s" % (self.folder, name), "w", **options) as f:
            if keras_version:
                self.text(f, "keras_version", keras_version)
            self.text(f, "backend", self.backend)
            self.text(f, "model_config", text)
            root = f.create_group("model_weights")
            self.fill(root, layers)
            if extra:
                extra(f, root)

    backend = "tensorflow"


class FixedStrings(Hand):
    """H3, H4: fixed length, exactly filled, NUL-padded."""

    def text(self, at, key, value):
        at.attrs[key] = fixed(value)


class SpacePadded(Hand):
    """H3: fixed length, padded with spaces, in an array of one."""

    def text(self, at, key, value):
        kind = self.h5py.h5t.C_S1.copy()
        kind.set_size(len(value) + 8)
        kind.set_strpad(self.h5py.h5t.STR_SPACEPAD)
        space = self.h5py.h5s.create_simple((1,))
        data = np.array([value.encode("utf-8") + b" " * 8])
        self.h5py.h5a.create(at.id, key.encode(), kind, space).write(data, mtype=kind)


class VariableNames(Hand):
    """H3, H4: variable length, UTF-8, and names that are not ASCII."""

    def names(self, at, key, names):
        kind = self.h5py.string_dtype("utf-8")
        at.attrs.create(key, np.array(names, dtype=object) if names else np.zeros((0,)),
                        dtype=kind if names else None)

    def key_of(self, name):
        return name[0]


class Compressed(Hand):
    """H12: chunks, shuffled, with checksums, gzip."""

    def dataset(self, group, name, array):
        group.create_dataset(name, data=array, chunks=True, shuffle=True, compression="gzip",
                             fletcher32=True)


class OfType(Hand):
    """H11: other floating types."""

    def __init__(self, folder, kind):
        Hand.__init__(self, folder)
        self.kind = kind

    def dataset(self, group, name, array):
        group.create_dataset(name, data=array.astype(self.kind))


class SplitNames(Hand):
    """H6: lists too long for one attribute."""

    def names(self, at, key, names):
        if len(names) < 2:
            return Hand.names(self, at, key, names)
        for i in range(0, len(names), 2):
            at.attrs["%s%d" % (key, i // 2)] = fixed_list(names[i:i + 2])


class Scoped(Hand):
    """H8: name scopes in front."""

    def weight_name(self, layer, role, number):
        return "block_1/%s/%s:0" % (layer, role)


class Numbered(Hand):
    """H8: CNTK gives no names."""
    backend = "cntk"

    def weight_name(self, layer, role, number):
        return "param_%d" % number


class Reversed(Hand):
    """H9: in another order than usual: names tell."""

    def listed(self, names):
        return names[::-1]


def write_hand_configs(hand):
    """Rows J of keras_files.md."""
    layers = plain_layers(**SHAPE)
    hand.write("list.h5", config={"class_name": "Sequential", "config": layers},
               keras_version="2.0.4")
    hand.write("no_version.h5", keras_version=None,
               extra=lambda f, root: root.attrs.create("keras_version", fixed("2.2.0")))
    hand.write("input_at_end.h5", plain_layers(), dict(sequential_config(plain_layers()), build_config={
        "input_shape": [None, 8, 8, 1]}), keras_version="3.9.0")
    hand.write("no_shape.h5", plain_layers(), keras_version="2.9.0")
    hand.write("open_shape.h5", plain_layers(batch_input_shape=[None, None, None, 1]))
    hand.write("reversed.h5", layers, functional_config(plain_layers(), -1))
    hand.write("subclass.h5", layers, dict(functional_config(plain_layers()), class_name="MyModel"))
    names = {"Conv2D": "Convolution2D", "SeparableConv2D": "SeparableConvolution2D",
             "MaxPooling2D": "MaxPool2D", "BatchNormalization": "BatchNormalizationV2",
             "ReLU": "Custom>ReLU"}
    hand.write("aliases.h5", [dict(l, class_name=names.get(l["class_name"], l["class_name"]))
                              for l in layers])
    of_numpy = lambda value: {"type": "ndarray", "value": value}
    old = plain_layers(**SHAPE)
    old[1]["config"].update(axis=3, epsilon=of_numpy(0.001))
    old[2] = layer("ReLU", "r", max_value=None, negative_slope=of_numpy(0.0), threshold=0)
    old[3]["config"].update(pool_size=2, strides=None)
    hand.write("numpy_values.h5", old, keras_version="2.1.6")
    inline = plain_layers(**SHAPE)
    inline[4]["config"]["activation"] = {"module": "builtins", "class_name": "function",
                                         "config": "relu", "registered_name": "function"}
    del inline[5]
    inline[2] = layer("Activation", "r", activation="relu")
    hand.write("inline.h5", inline)
    unknown = plain_layers(**SHAPE)
    unknown[0]["config"].update(groups=1, from_the_future={"a": [1]}, dtype={
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"},
        "registered_name": None, "shared_object_id": 7}, bias_constraint=None)
    hand.write("unknown_keys.h5", unknown)
    hand.write("nan.h5", config=json.dumps(sequential_config(layers)).replace(
        '"max_value": null', '"max_value": null, "made": NaN, "most": -Infinity'))


def write_hand_containers(folder):
    """Rows H of keras_files.md."""
    hand = Hand(folder)
    FixedStrings(folder).write("fixed_strings.h5", libver=("earliest", "v108"))
    SpacePadded(folder).write("space_padded.h5")
    accents = plain_layers(**SHAPE)
    for l in accents:
        l["config"]["name"] += "\u00e9\u4e2d"
    VariableNames(folder).write("utf8_names.h5", accents)
    Compressed(folder).write("gzip.h5")
    for kind, name in (("f2", "float16"), ("f8", "float64"), (">f4", "big_endian")):
        OfType(folder, kind).write(name + ".h5")
    SplitNames(folder).write("split_names.h5")
    Scoped(folder).write("scopes.h5")
    Numbered(folder).write("cntk.h5")
    Reversed(folder).write("weights_reversed.h5")
    hand.write("user_block.h5", userblock_size=512)

    def add_top_level(f, root):
        top = root.create_group("top_level_model_weights")
        top.create_dataset("temperature:0", data=np.float32(1))
        top.attrs["weight_names"] = fixed_list(["temperature:0"])

    hand.write("top_level.h5", extra=add_top_level)


def write_hand_quantized(folder):
    """Section 3.3: old names of quantizers, and the three quantized activations."""
    step = np.float32(6) / np.float32(15)

    class Quantized(Hand):
        extra_weights = {}

        def fill(self, root, layers):
            Hand.fill(self, root, layers)
            for name, more in self.extra_weights.items():
                old = [n.decode() for n in root[name].attrs["weight_names"]]
                for weight, value in more:
                    root[name].create_dataset(weight, data=np.float32(value))
                root[name].attrs["weight_names"] = fixed_list(old + [w for w, _ in more])

    def layers(quantizer, config, relu, **relu_config):
        q = {"class_name": quantizer, "config": dict({"bitwidth": 4}, **config)}
        found = plain_layers(**SHAPE)
        del found[1]
        for l in found:
            if l["class_name"] in ("Conv2D", "SeparableConv2D", "Dense"):
                l["class_name"] = "Quantized" + l["class_name"]
                l["config"]["quantizer"] = q
                l["config"].pop("activation", None)
            if l["class_name"] == "QuantizedSeparableConv2D":
                l["config"]["quantizer_dw"] = {"class_name": "WeightQuantizer", "config": {
                    "threshold": 3, "bitwidth": 4}}
        found[1] = layer(relu, "r", bitwidth=4, **relu_config)
        found[4] = layer(relu, "t", bitwidth=4, **relu_config)
        return found

    hand = Quantized(folder)
    hand.write("quantized_old.h5", layers("WeightQuantizer", {"threshold": 3},
                                          "ActivationDiscreteRelu"), keras_version="2.2.4-tf")
    hand.write("quantized_22.h5", layers("StdWeightQuantizer", {"threshold": 3}, "QuantizedReLU",
                                         max_value=6.0))
    hand.extra_weights = {n: [("%s/threshold:0" % n, step / 2), ("%s/step:0" % n, step)]
                          for n in ("r", "t")}
    for n in ("c", "s", "d"):
        hand.extra_weights[n] = [("trainable_weight_quantizer/threshold:0", 3)]
    hand.write("quantized_trained.h5", layers("TrainableWeightQuantizer", {"threshold": 1},
                                              "QuantizedReLU"), keras_version="2.4.0")


def write_hand_archives(folder):
    """Re-packed from the archive that Keras 3.11 wrote, and the weights file with a fan of names."""
    source = zipfile.ZipFile(folder + "/keras_3.11_model.keras")
    members = [(n, source.read(n)) for n in source.namelist()]

    def pack(name, members, **options):
        with zipfile.ZipFile("%s/%s" % (folder, name), "w", **options) as z:
            for member, data in members:
                info = zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0))
                info.compress_type = z.compression
                with z.open(info, "w", force_zip64=name == "zip64.keras") as f:
                    f.write(data)
            z.comment = b"packed again"

    pack("deflated.keras", members, compression=zipfile.ZIP_DEFLATED)
    pack("zip64.keras", members, compression=zipfile.ZIP_DEFLATED)
    pack("more_members.keras", [("assets/", b""), ("../config.json", b"{}"),
                                ("/etc/config.json", b"{}")] + members[::-1],
         compression=zipfile.ZIP_DEFLATED)


def write_hand(folder):
    write_hand_containers(folder)
    write_hand_configs(Hand(folder))
    write_hand_quantized(folder)
    write_hand_archives(folder)


def main():
    writer, folder = sys.argv[1:]
    if writer == "keras":
        import keras
        major = keras.__version__[0]
        {"1": write_keras_1, "2": write_keras_2, "3": write_keras_3}[major](keras, folder)
    else:
        {"tensorflow": write_tensorflow, "cnn2snn": write_cnn2snn, "hand": write_hand}[writer](folder)


if __name__ == "__main__":
    main()
