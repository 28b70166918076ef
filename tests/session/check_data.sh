# check on real pixels and on data that does not fit: numbers already scaled (0..1, -1..1), labels
# that are no class, a profile, and the exit codes.
"$C2S_PROGRAM" -q -w w.c2s -c 'load data/gallery/ok_plain.h5' >/dev/null
python3 - <<'END'
import struct
def npy(path, descr, shape, data):
    head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00\x76\x00" + head.ljust(117).encode() + b"\n" + data)
x = [i * 7919 % 1000 / 999 for i in range(40 * 768)]
npy("x.npy", "<f4", "(40, 16, 16, 3)", struct.pack("<%df" % len(x), *x))
npy("signed.npy", "<f4", "(40, 16, 16, 3)", struct.pack("<%df" % len(x), *(2 * v - 1 for v in x)))
npy("y.npy", "|u1", "(40,)", bytes(i % 5 for i in range(40)))
npy("classes.npy", "|u1", "(40,)", bytes(i % 4 for i in range(40)))
END
run -q -w w.c2s data use x.npy --labels y.npy
run -q -w w.c2s check
run -q -w w.c2s check --no-data --level keras
# -1..1: what was saved scaled, with a shift below 0, and on the chip.
run -w signed.c2s data/gallery/ok_plain.h5 data use signed.npy --labels classes.npy --shift -1 | tail -2
run -q -w signed.c2s check | grep -A 7 W070
run -q -w signed.c2s -c 'quantize all 4 --input 8' -c 'eval --akida' 2>&1 | tail -2
run -q -w w.c2s check --profile preproduction --no-data
run -q -w :memory: data/gallery/inline_relu.h5 quantize all 4
run -q -w :memory: data/gallery/residual.h5 check --level keras
