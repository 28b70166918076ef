#!/usr/bin/env python3
"""Prints a list of random models: sound ones with one to three random edits, legal or not, in the
form of tests/support/sketch.h; and some by hand. The same seed gives the same list.

Use: make_models.py N [SEED]"""
import random
import sys

BASES = [  # the gallery's sound models, and longer ones
    "in 16,16,3; conv 8 3 same; bn; relu 6; sep 8 3 same; bn; relu 6; flatten; dense 4",
    "in 16,16,3; conv 8 3 same; max 2 same; bn; relu 6; flatten; dense 4",
    "in 16,16,3; conv 8 3 same; relu 6; max 2 same; flatten; dense 4",
    "in 16,16,3; conv 8 3 same; relu 6; flatten; dense 4; softmax",
    "in 16,16,3; conv 8 3 same; relu 6; drop; flatten; dense 4",
    "in 16,16,3; conv 8 3 same; relu 6; conv 8 3 same; gap; relu 6; dense 4",
    "in 16,16,1; conv 8 5; relu; conv 8 3 same; max 2 same; relu; conv 8 1 same; relu; flatten; dense 4",
    "in 16,16,3; conv 8 3 same s=2; bn; relu 3; sep 12 3 same; relu 6; sep 12 3 same; gap; bn; relu 6; dense 4",
    "in 12,20,1; rescale 0.00392156862745098,0; conv 8 3 same; relu 6; conv 8 3 same s=2; relu 6; flatten; dense 8; relu 6; dense 4",
    "in 10,10,3; conv 8 7 s=3; relu 6; conv 8 3 same; bn; relu 6; flatten; dense 4; act softmax",
    "in 20; dense 8; relu 6; dense 4",
    "in 8,8,4; conv 8 3 same; relu 6; sep 8 3 same; relu 6; flatten; dense 4",
    "in 8,8,3; sep 8 3 same; relu 6; flatten; dense 4",
    "in 1,1,24; flatten; dense 16; bn; relu 6; dense 4",
    "in 16,16,8; conv 16 3 same; max 2 same; relu 6; conv 8 3 same; relu 6; sep 16 3 same; gap; relu 6; dense 4",
    "in 8,8,8; sep 8 3 same; relu 6; conv 8 5 same; max 2 same s=1; relu 6; conv 8 1 same; relu 6; flatten; dense 4",
]
SOUND_BITS = ["4/4/8"] * 4 + ["2/2/2", "2/2/8", "4/2/8", "2/4/4", "4/1/8", "4/4/4", "4/4/2"]
OTHER_BITS = ["3/4/8", "8/4/8", "5/4/8", "4/3/8", "4/5/8", "4/8/8", "4/4/3"]


BY_HAND = [  # what the random ones hit too seldom
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6 slope=0.1; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6 threshold=0.5; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same w=zero; relu 6; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same w=filter; relu 6; conv 8 3 same w=filter; relu 6; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6; sep 8 3 same w=zero; relu 6; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same; bn gamma=tiny; relu 6; sep 8 3 same; bn gamma=tiny; relu 6; flatten; dense 4",
    "image 4/4/8: in 48,48,3; conv 26 3 same; relu 6; flatten; dense 4",
    "image 4/4/8: in 6,5,3; conv 8 7 same; relu 6; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6; conv 8 3 same bias=huge; relu 6; flatten; dense 4 w=nan",
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6; conv 8 3 same bias=huge; relu 6; flatten; dense 4",
    "image 4/4/8: in 16,16,3; conv 8 3 same; relu 6; conv 8 3 same; gap; relu 0.001; dense 4 w=tiny",
    "integers 2/2/2: in 8,8,8; conv 16 3 same; relu 6; conv 8 3 same; max 3 same s=2; relu 6; conv 8 1 same; relu 6; flatten; dense 4",
    "integers 2/2/2: in 16,16,8; sep 16 3 same; relu 6; conv 8 3 same; gap; relu 6; dense 4",
    "integers 2/2/2: in 16,12,8; sep 16 3 same; relu 6; conv 8 3 same; gap; relu 6; dense 4",
    "integers 2/2/2: in 8,40,8; sep 16 3 same; relu 6; conv 8 3 same; gap; relu 6; dense 4",
    "integers 2/2/2: in 4,4,8; conv 16 5 same; max 2 same; relu 6; conv 8 3 same; relu 6; flatten; dense 4",
]


def kinds(layers, *wanted):
    return [i for i, layer in enumerate(layers) if layer.split()[0] in wanted]


def replace(layers, i, old, new):
    words = layers[i].split()
    layers[i] = " ".join(new if word == old else word for word in words)


def option(layers, i, text):
    """Adds KEY=VALUE or a word, in place of one with the same key."""
    key = text.split("=")[0]
    words = [word for word in layers[i].split() if word.split("=")[0] != key]
    layers[i] = " ".join(words + [text])


def without(layers, i, word):
    layers[i] = " ".join(w for w in layers[i].split() if w != word)


def pick(r, layers, *wanted):
    found = kinds(layers, *wanted)
    return r.choice(found) if found else None


def edit_kernel(r, layers):
    i = pick(r, layers, "conv", "sep")
    if i is None:
        return False
    words = layers[i].split()
    words[2] = r.choice(["1", "2", "3", "4", "5", "7", "9", "3x5", "1x3", "5x3"])
    layers[i] = " ".join(words)
    return True


def edit_option(r, layers, wanted, choices):
    i = pick(r, layers, *wanted)
    if i is None:
        return False
    option(layers, i, r.choice(choices))
    return True


def edit_padding(r, layers):
    i = pick(r, layers, "conv", "sep", "max")
    if i is None:
        return False
    if "same" in layers[i].split():
        without(layers, i, "same")
    else:
        layers[i] += " same"
    return True


def edit_filters(r, layers):
    i = pick(r, layers, "conv", "sep", "dense")
    if i is None:
        return False
    words = layers[i].split()
    words[1] = r.choice(["1", "2", "3", "12", "33", "65", "96", "100", "192", "200"])
    layers[i] = " ".join(words)
    return True


def edit_input(r, layers):
    if layers[0].count(",") == 2:
        layers[0] = "in " + r.choice(["4,16,3", "5,5,1", "16,4,3", "16,16,2", "16,16,4", "8,257,1",
                                      "8,256,1", "16,33,3", "33,16,3", "32,16,3", "16,16,1", "12,12,1"])
    else:
        layers[0] = "in " + r.choice(["1", "7", "40", "1,1,20"])
    return True


def edit_insert(r, layers):
    layers.insert(r.randint(1, len(layers)), r.choice([
        "bn", "bn", "relu 6", "relu", "relu 3", "drop", "max 2 same", "max 2", "gap", "flatten", "softmax",
        "act relu", "act tanh", "act relu6", "leaky", "prelu", "avg 2", "dw 3 same", "pad 1", "up 2",
        "conv 8 3 same", "conv 8 1 same", "sep 8 3 same", "dense 6", "rescale 0.5,0", "max 3 same",
        "max 1 same", "max 1x2 same", "max 2 same s=1"]))
    return True


def edit_delete(r, layers):
    if len(layers) < 4:
        return False
    del layers[r.randint(1, len(layers) - 1)]
    return True


def edit_swap(r, layers):
    i = r.randint(1, len(layers) - 2)
    layers[i], layers[i + 1] = layers[i + 1], layers[i]
    return True


def edit_double(r, layers):
    i = r.randint(1, len(layers) - 1)
    layers.insert(i, layers[i])
    return True


def edit_activation(r, layers):
    i = pick(r, layers, "relu")
    if i is None:
        return False
    layers[i] = r.choice(["leaky", "prelu", "act relu", "act tanh", "act relu6", "act sigmoid", "relu 1",
                          "relu", "relu 12", "relu 6 slope=0.1", "relu 6 threshold=0.5", "softmax"])
    return True


def edit_numbers(r, layers):
    i = pick(r, layers, "conv", "sep", "dense", "bn")
    if i is None:
        return False
    is_norm = layers[i].startswith("bn")
    option(layers, i, r.choice(["gamma=zero", "gamma=negative", "gamma=tiny"] if is_norm else
                               ["w=nan", "w=inf", "w=filter", "w=zero", "w=tiny", "w=huge", "bias=huge",
                                "nobias"]))
    return True


def edit_join(r, layers):
    i = r.randint(2, len(layers) - 1)
    layers.insert(i, r.choice(["add %d", "concat %d"]) % r.randint(0, i - 2))
    return True


def edit_reshape(r, layers):
    i = pick(r, layers, "flatten")
    if i is None:
        return False
    layers.insert(r.choice([i, i + 1]), r.choice(["reshape 1,1,8", "reshape 8,8,32", "reshape 16,16,8",
                                                  "reshape 2048", "reshape 1,1,2048"]))
    return True


def edit_pool(r, layers):
    """A convolution gets a pool behind it, or the pool there another size."""
    i = pick(r, layers, "max", "conv", "sep")
    if i is None:
        return False
    pool = r.choice(["max 2 same", "max 1x2 same", "max 2x1 same", "max 3 same", "max 3 same s=2",
                     "max 2 same s=1", "max 1 same", "gap"])
    if layers[i].startswith("max"):
        layers[i] = pool
    else:
        layers.insert(i + 1, pool)
    return True


def edit_strides(r, layers):
    return edit_option(r, layers, ["conv", "sep"], ["s=1", "s=2", "s=3", "s=4", "s=1x2"])


CHIP_EDITS = [edit_kernel, edit_kernel, edit_padding, edit_filters, edit_input, edit_input, edit_pool,
              edit_pool, edit_strides, edit_strides,
              lambda r, layers: edit_option(r, layers, ["max"], ["s=1", "s=2", "s=3", "s=1x2"])]
EDITS = [
    edit_insert, edit_insert, edit_insert, edit_insert, edit_insert, edit_delete, edit_delete,
    edit_swap, edit_swap, edit_double, edit_activation, edit_activation, edit_numbers,
    edit_numbers, edit_numbers, edit_join, edit_reshape, edit_kernel, edit_padding,
    lambda r, layers: edit_option(r, layers, ["conv", "sep", "dense"], ["act=relu", "act=tanh", "act=softmax"]),
    lambda r, layers: edit_option(r, layers, ["conv"], ["d=2", "g=2"]),
    lambda r, layers: edit_option(r, layers, ["sep"], ["m=2", "d=2"]),
    lambda r, layers: edit_option(r, layers, ["relu"], ["out"]) if r.random() < 0.3 else False,
]


def make(r, name):
    layers = r.choice(BASES).split("; ")
    is_image = layers[0].count(",") == 2 and layers[1].split()[0] in ("conv", "rescale")
    is_image = is_image and layers[0].split(",")[-1] in "13"
    is_for_chip = r.random() < 0.5  # what converts, but maps or not
    for _ in range(r.choice([0, 1, 1, 1, 2] if is_for_chip else [1, 1, 1, 1, 2, 3])):
        while not r.choice(CHIP_EDITS if is_for_chip else EDITS)(r, layers):
            pass
    if r.random() < 0.04:
        is_image = not is_image
    bits = r.choice(SOUND_BITS if r.random() < 0.8 else OTHER_BITS)
    if not is_image and r.random() < 0.8:
        bits = bits[:4] + min(bits[4], "4")
    return "%s %s %s: %s" % (name, "image" if is_image else "integers", bits, "; ".join(layers))


def main():
    n = int(sys.argv[1])
    r = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    seen = set()
    while len(seen) < n:
        line = make(r, "g%03d" % (len(seen) + 1))
        if line[5:] not in seen:
            seen.add(line[5:])
            print(line)
    for i, line in enumerate(BY_HAND):
        print("x%03d %s" % (i + 1, line))


if __name__ == "__main__":
    main()
