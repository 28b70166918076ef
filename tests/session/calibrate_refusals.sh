# What calibrate cannot do, and what it says then.
run -w w load fm_sep.h5 >/dev/null
run -w w calibrate
run -w w data use fashion-mnist-1k --scale 255 >/dev/null
run -w w calibrate
run -w w calibrate --method best
run -w w calibrate --method percentile=0
run -w w calibrate --method percentile=
run -w w calibrate --method percentile=0.999
# Each option goes with the kinds that help names.
run -w w calibrate equalize --method max
run -w w calibrate equalize --limit 10
run -w w calibrate equalize --data fashion-mnist-1k
run -w w calibrate batch-norm --bits 2
run -w w calibrate bias --bits 2
run -w w calibrate batch-norm --reference v1
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
# Between layers equalizing may do harm, and both must be named; a Flatten at the entrance is no
# obstacle; without --method's number it is 99.9.
run -w vgg load data/fm_vgg.h5 >/dev/null
run -w vgg calibrate equalize --layers conv2d_1
run -w vgg calibrate equalize
run -w mlp data/mlp.h5 calibrate equalize
run -w vgg calibrate --method percentile --data fashion-mnist-1k,scale=255,limit=50 --dry-run --json |
    grep -oE '"n_samples": [0-9]*'
run -w vgg checkout v1 >/dev/null
run -w vgg calibrate --method percentile --data fashion-mnist-1k,scale=255,limit=50 >/dev/null
run -w vgg log --script | tail -1
run -w nan_weight calibrate --data fashion-mnist-1k
