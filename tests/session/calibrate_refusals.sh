# What calibrate cannot do, and what it says then.
run -w w load fm_sep.h5 >/dev/null
run -w w calibrate
run -w w data use fashion-mnist-1k --scale 255 >/dev/null
run -w w calibrate
run -w w calibrate --method best
run -w w calibrate --method percentile=0
run -w w calibrate --method percentile=
run -w w calibrate equalize --method max
run -w w calibrate --reference v1
run -w w calibrate bias --data fashion-mnist-1k
run -w w calibrate --data fashion-mnist-1k,part=train
run -w w calibrate --data nowhere
run -w w calibrate --layers 'conv2d' --data fashion-mnist-1k
run -w w calibrate batch-norm --layers batch_normalization --data fashion-mnist-1k,limit=100
run -w w calibrate equalize
run -w w quantize activations 4 --rule 1.8 >/dev/null
run -w w calibrate --data fashion-mnist-1k,limit=50
run -w w calibrate batch-norm --data fashion-mnist-1k,limit=50
run -w w calibrate equalize
run -w w calibrate bias --reference v1 --data fashion-mnist-1k,limit=50 --json |
    grep -oE '"(version|what|data|n_samples|n_changed|verdict)": [^ ]*'
run -w w log --script
for model in two_inputs residual inline_relu nan_weight ok_relu_3; do
    run -w "$model" load data/gallery/$model.h5 >/dev/null
    run -w "$model" calibrate equalize
done
run -w nan_weight calibrate --data fashion-mnist-1k
