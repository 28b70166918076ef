#!/usr/bin/env python3
"""Builds an Akida 1.0 model (.fbz) from an Akida image, through akida's public Python API.

usage: akida_export.py IMAGE OUT.fbz [--verify] [--no-map] [--json]

IMAGE is an HDF5 file as c2s-image(5) describes it. Needs the packages akida (2.1.4 or newer, with
numpy) and h5py; scripts/setup-akida installs both. akida is proprietary: its own licence applies.

OUT.fbz is written to a temporary file beside it and takes its place in one step, an older file of
that name included. With --verify the temporary file is loaded again and run on the samples in the
image; if one integer differs from what the image expects, nothing is published. At last the model
is mapped on a virtual AKD1000, which tells for each layer whether it runs in hardware and on how
many neural processors (NPs).

Exit codes: 0 done; 1 akida refuses the network, or a file cannot be read or written; 2 wrong use;
3 akida or h5py is not installed; 4 the integers differ.

--json prints one object on standard output instead of the table:
  ok        true, or false with "error" (a sentence) and "exit_code"
  file, bytes, akida (version), ip_version ("v1")
  layers    [{name, type, output [H, W, C], where ("hardware", "software" or null when not
            mapped), nps (total), nps_by_type {"CNP1": 6, ...}}]
  verify    null without --verify, else {samples, integers, different, first}; first is null or
            {sample, index, expected, got}
  mapping   null with --no-map, else {device, error (null, or why nothing could be mapped),
            all_hardware, reasons [why not all is in hardware, in akida's words], nps,
            sequences [{name, where, bytes}]}
"""
import argparse
import json
import os
import shlex
import sys
import tempfile

EXIT_FAILED, EXIT_USAGE, EXIT_MISSING, EXIT_DIFFERENT = 1, 2, 3, 4
FORMAT, VERSION = "c2s akida image", 1
OLDEST_AKIDA = (2, 1, 4)  # earlier releases lay weights out in another order


class ExportError(Exception):
    def __init__(self, text, code=EXIT_FAILED):
        super().__init__(text)
        self.code = code


def import_packages(arguments):
    """akida, h5py and numpy, or the two commands that finish the job."""
    try:
        import akida
        import h5py
        import numpy
    except ImportError as e:
        here = os.path.dirname(os.path.abspath(__file__))
        venv = os.path.join(os.path.dirname(here), ".venv-akida", "bin", "python")
        command = shlex.join([venv, os.path.join(here, "akida_export.py")] + arguments)
        raise ExportError(
            f"the package '{e.name}' is not installed for {sys.executable}; these two commands finish the job:\n"
            f"  {shlex.quote(os.path.join(here, 'setup-akida'))}\n  {command}", EXIT_MISSING)
    release = tuple(int(p) for p in akida.__version__.split(".")[:3] if p.isdigit())
    if release < OLDEST_AKIDA:
        raise ExportError(f"akida {akida.__version__} is too old; install 2.1.4 or newer (scripts/setup-akida)",
                          EXIT_MISSING)
    return akida, h5py, numpy


def text(attributes, name):
    value = attributes[name]
    return value.decode() if isinstance(value, bytes) else str(value)


def read_image(path, h5py, with_samples):
    """[(attributes, variables)] of each layer, and (samples, expected) or None."""
    try:
        with h5py.File(path, "r") as f:
            if "format" not in f.attrs or text(f.attrs, "format") != FORMAT:
                raise ExportError(f"{path} is no Akida image; make one with 'export' in c2s-shell")
            if int(f.attrs["version"]) > VERSION:
                raise ExportError(f"{path} has image version {int(f.attrs['version'])}, this script knows {VERSION}; "
                                  "use the script of the c2s-shell that wrote it")
            layers = []
            for i in range(int(f.attrs["n_layers"])):
                group = f[f"layers/{i:04d}"]
                attributes = {k: text(group.attrs, k) if isinstance(group.attrs[k], (str, bytes)) else int(group.attrs[k])
                              for k in group.attrs}
                layers.append((attributes, {k: group[k][()] for k in group}))
            samples = None
            if with_samples:
                if "verify/samples" not in f or "verify/expected" not in f:
                    raise ExportError(f"{path} holds no samples to verify with; export again with data in use, or "
                                      "leave out --verify", EXIT_USAGE)
                samples = f["verify/samples"][()], f["verify/expected"][()]
            return layers, samples
    except (OSError, KeyError) as e:
        raise ExportError(f"cannot read the Akida image {path}: {e}; export it again")


def pair(a, first, second):
    return (a[first], a[second])


def layer_arguments(a, akida):
    """Keyword arguments of the akida layer class a["type"]."""
    kind = a["type"]
    if kind == "InputData":
        return dict(input_shape=(a["input_height"], a["input_width"], a["input_channels"]),
                    input_bits=a["input_bits"], name=a["name"])
    args = dict(name=a["name"], weights_bits=a["weights_bits"], activation=bool(a["has_activation"]))
    if a["has_activation"]:
        args["act_bits"] = a["act_bits"]
    if kind == "FullyConnected":
        return dict(args, units=a["filters"])
    pools = dict(none=akida.PoolType.NoPooling, max=akida.PoolType.Max, average=akida.PoolType.Average)
    args.update(filters=a["filters"], kernel_size=pair(a, "kernel_height", "kernel_width"),
                kernel_stride=pair(a, "stride_vertical", "stride_horizontal"),
                padding=akida.Padding.Same if a["padding"] == "same" else akida.Padding.Valid,
                pool_type=pools[a["pool"]], pool_size=pair(a, "pool_height", "pool_width"),
                pool_stride=pair(a, "pool_stride_vertical", "pool_stride_horizontal"))
    if kind == "InputConvolutional":
        args.update(input_shape=(a["input_height"], a["input_width"], a["input_channels"]),
                    padding_value=a["padding_value"])
    return args


def build_model(layers, akida):
    """These layer classes are those of Akida 1.0, so the model's version is v1."""
    model = akida.Model()
    for attributes, variables in layers:
        name, kind = attributes["name"], attributes["type"]
        try:
            layer = getattr(akida, kind)(**layer_arguments(attributes, akida))
            model.add(layer)
            for variable, value in variables.items():
                layer.set_variable(variable, value)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as e:
            raise ExportError(f"layer '{name}' ({kind}): akida {akida.__version__} refuses it: {e}")
        dims = tuple(attributes[f"output_{d}"] for d in ("height", "width", "channels"))
        if tuple(layer.output_dims) != dims:
            raise ExportError(f"layer '{name}' ({kind}): akida gives an output of {tuple(layer.output_dims)}, "
                              f"the image says {dims}; export the version again")
    version = getattr(model, "ip_version", None)
    if version is not None and version.name != "v1":
        raise ExportError(f"akida {akida.__version__} makes a model of version {version.name}, not v1")
    return model


def verify(path, samples, expected, akida, numpy):
    got = numpy.asarray(akida.Model(path).forward(samples)).astype("int64")
    if got.shape != expected.shape:
        raise ExportError(f"the saved file gives outputs of shape {got.shape}, the image expects {expected.shape}",
                          EXIT_DIFFERENT)
    wrong = numpy.argwhere(got != expected)
    first = None
    if len(wrong):
        at = tuple(wrong[0])
        first = dict(sample=int(at[0]), index=[int(i) for i in at[1:]], expected=int(expected[at]), got=int(got[at]))
    return dict(samples=len(samples), integers=int(got.size), different=len(wrong), first=first)


def where(sequence):
    return "hardware" if sequence.backend.name == "Hardware" else "software"


def try_mapping(path, hw_only, akida):
    """(mapped model, []) or (None, what akida said, one sentence each)."""
    try:
        model = akida.Model(path)
        model.map(akida.AKD1000(), hw_only=hw_only)
        return model, []
    except Exception as e:  # akida raises its own types; whatever it says is the answer
        said = [" ".join(part.split()).rstrip(".") for part in str(e).split("\n  * ")]
        return None, said[1:] or said


def map_model(path, layers, akida):
    """Maps the saved model on a virtual AKD1000; adds what it says to layers."""
    report = dict(device="AKD1000", error=None, all_hardware=False, reasons=[], nps=0, sequences=[])
    model, reasons = try_mapping(path, False, akida)
    if model is None:
        report["error"] = reasons[0]
        report["reasons"] = reasons
        return report
    by_name = {layer["name"]: layer for layer in layers}
    for sequence in model.sequences:
        size = len(sequence.program) if sequence.program is not None else 0
        report["sequences"].append(dict(name=sequence.name, where=where(sequence), bytes=size))
        for p in sequence.passes:
            for mapped in p.layers:
                layer = by_name.get(mapped.name)
                if layer is None:
                    continue
                layer["where"] = where(sequence)
                for np in mapped.mapping.nps if mapped.mapping is not None else []:
                    layer["nps_by_type"][np.type.name] = layer["nps_by_type"].get(np.type.name, 0) + 1
                layer["nps"] = sum(layer["nps_by_type"].values())
    if any(s["where"] == "software" for s in report["sequences"]):
        report["reasons"] = try_mapping(path, True, akida)[1]
    report["nps"] = sum(layer["nps"] for layer in layers)
    report["all_hardware"] = all(layer["where"] == "hardware" for layer in layers if layer["type"] != "InputData")
    return report


def publish(temporary, target):
    with open(temporary, "rb+") as f:
        os.fsync(f.fileno())
    os.chmod(temporary, 0o666 & ~current_umask())
    os.replace(temporary, target)
    folder = os.open(os.path.dirname(os.path.abspath(target)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def current_umask():
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def export(options, arguments):
    akida, h5py, numpy = import_packages(arguments)
    image, samples = read_image(options.image, h5py, options.verify)
    model = build_model(image, akida)
    layers = [dict(name=a["name"], type=a["type"],
                   output=[a["output_height"], a["output_width"], a["output_channels"]],
                   where=None, nps=0, nps_by_type={}) for a, _ in image]
    report = dict(ok=True, file=options.out, bytes=0, akida=akida.__version__, ip_version="v1", layers=layers,
                  verify=None, mapping=None)
    folder = os.path.dirname(os.path.abspath(options.out))
    try:
        handle, temporary = tempfile.mkstemp(prefix=".c2s-", suffix=".fbz", dir=folder)
    except OSError as e:
        raise ExportError(f"cannot write in {folder}: {e.strerror}")
    os.close(handle)
    try:
        model.save(temporary)
        report["bytes"] = os.path.getsize(temporary)
        if options.verify:
            report["verify"] = verify(temporary, *samples, akida, numpy)
        if options.verify and report["verify"]["different"]:
            v = report["verify"]
            raise ExportError(f"{v['different']} of {v['integers']} integers differ between akida {akida.__version__} "
                              f"and the image (first: {v['first']}); nothing was written", EXIT_DIFFERENT)
        if not options.no_map:
            report["mapping"] = map_model(temporary, layers, akida)
        publish(temporary, options.out)
    except (OSError, RuntimeError, ValueError) as e:
        raise ExportError(f"cannot write {options.out}: {e}")
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return report


def print_table(report):
    print(f"{report['file']}: {report['bytes']:,} bytes, Akida 1.0 model, by akida {report['akida']}")
    v = report["verify"]
    if v:
        print(f"verified: {v['different']} of {v['integers']:,} integers differ on {v['samples']} samples")
    mapping = report["mapping"]
    rows = [("layer", "type", "output", "runs in" if mapping else "", "NPs" if mapping else "")]
    for layer in report["layers"]:
        nps = ", ".join(f"{n} {kind}" for kind, n in sorted(layer["nps_by_type"].items()))
        rows.append((layer["name"], layer["type"], ",".join(map(str, layer["output"])), layer["where"] or "", nps))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    if mapping and mapping["error"]:
        print(f"not mapped on a virtual AKD1000: {mapping['error']}")
    elif mapping:
        what = "all in hardware" if mapping["all_hardware"] else "partly in software"
        print(f"mapped on a virtual AKD1000: {what}, {mapping['nps']} NPs, {len(mapping['sequences'])} sequence(s)")
        for reason in mapping["reasons"]:
            print(f"  {reason}")


def main(arguments):
    parser = argparse.ArgumentParser(prog="akida_export.py", description=__doc__.split("\n")[0])
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("out", metavar="OUT.fbz")
    parser.add_argument("--verify", action="store_true", help="run the saved file on the image's samples")
    parser.add_argument("--no-map", action="store_true", help="do not map on a virtual AKD1000")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)  # exits with 2
    try:
        if not options.out.endswith(".fbz"):
            raise ExportError(f"{options.out} must end in .fbz", EXIT_USAGE)
        report = export(options, arguments)
    except ExportError as e:
        if options.json:
            print(json.dumps(dict(ok=False, error=str(e), exit_code=e.code)))
        print(f"akida_export.py: {e}", file=sys.stderr)
        return e.code
    if options.json:
        print(json.dumps(report))
    else:
        print_table(report)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
