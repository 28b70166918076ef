# Where auto-quantize stops, what it says then, and its exit codes.
run -w w load fm_sep.h5 >/dev/null
run -w w auto-quantize
run -w w data use fashion-mnist-1k --scale 255 --limit 300 >/dev/null
run -w w auto-quantize
run -w w log
run -w w auto-quantize --weights 1
run -w w auto-quantize --input 1
run -w w auto-quantize --epochs 0 --data fashion-mnist-1k,limit=100 --max-drop 0.1
run -w w auto-quantize --epochs 0 --weights 2 --data fashion-mnist-1k,limit=100 --min-accuracy 99.5 --json
