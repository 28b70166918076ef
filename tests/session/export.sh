# Export without akida: the image is written, and the message says what finishes the job.
export C2S_SCRIPTS=scripts
mkdir scripts
cat >scripts/akida_export.py <<'END'
import json, os, sys
mode = os.environ.get("EXPORTER", "")
if mode == "missing":
    print(json.dumps(dict(ok=False, error="no akida", exit_code=3)))
    sys.exit(3)
if mode == "different":
    print(json.dumps(dict(ok=False, error="1 of 640 integers differ", exit_code=4)))
    sys.exit(4)
if mode == "broken":
    sys.exit("Traceback ...\nSomeError: akida fell over")
file = sys.argv[-1]
open(file, "w").write("fbz")
verify = dict(samples=64, integers=640, different=0, first=None) if "--verify" in sys.argv else None
print(json.dumps(dict(ok=True, file=file, bytes=3, akida="2.19.3", ip_version="v1",
    layers=[dict(name="conv2d", type="InputConvolutional", output=[14, 14, 32], where="hardware", nps=2, nps_by_type=dict(HRC=1, CNP1=1)),
            dict(name="dense", type="FullyConnected", output=[1, 1, 10], where="software", nps=0, nps_by_type={})],
    verify=verify, mapping=dict(device="AKD1000", error=None, all_hardware=False, reasons=["dense does not fit"], nps=2, sequences=[]))))
END
run -q -c 'load fm_sep.h5' -c 'quantize all 4 --input 8' >/dev/null
run export v2 fm.fbz
ls *.fbz *.c2simage
run export v2 fm.fbz
run export v2 image.c2simage
run export v2 image.c2simage
C2S_AKIDA_PYTHON=/nosuch run export v2 fm.fbz
EXPORTER=missing C2S_AKIDA_PYTHON=python3 run export v2 fm.fbz
export C2S_AKIDA_PYTHON=python3
run export v2 fm.fbz --force
run export v2 fm.fbz
run -c 'data use fashion-mnist-1k --scale 255' -c 'export v2 fm.fbz --force'
run -w :memory: fm_sep.h5 -c 'quantize all 4 --input 8' -c 'export v2 no_data.fbz'
run export v2 quiet.fbz --no-verify --json
run export v2 both.fbz --verify --no-verify
EXPORTER=missing run export v2 fm.fbz --force
EXPORTER=different run export v2 fm.fbz --force
EXPORTER=broken run export v2 fm.fbz --force
C2S_AKIDA_PYTHON=nowhere/python run export v2 fm.fbz --force
run export v1 float.fbz
run export v2 fm.h5
run export v2 fm.h5
run export v2 fm.h5 --force --dialect 1.8 --json
run -w :memory: fm.h5 layers
run -q -c 'checkout v1' -c 'quantize all 4 --rule 1.8' >/dev/null
run export v3 old.h5
true
