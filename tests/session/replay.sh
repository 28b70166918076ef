# A history replays to the same versions: the same tensors, the same models.
cat >steps.c2s <<'END'
data use fashion-mnist-1k --scale 255 --limit 100 --seed 7
load fm_sep.h5
quantize activations 4
tag act4
quantize weights 4 --input 8
calibrate bias --data fashion-mnist-1k,limit=70,seed=3 --reference HEAD~2
checkout v1
calibrate equalize --layers 'sep*'
calibrate --method percentile=99.9 --data fashion-mnist-1k --limit 50
checkout v1
calibrate batch-norm --data fashion-mnist-1k,split=test,limit=40
checkout v1
quantize all 2 --layers 'dense*,re_lu' --rule 1.8
undo
load data/valid_net.h5
quantize weights 4 --no-fold
load data/corpus/k3_seq.keras
load data/corpus/k3_seq.weights.h5 --config data/corpus/k3_seq.keras
load data/variants/no_shape.h5 --input-shape 8x8x1
checkout act4
END
run -q -w first.c2s -x steps.c2s >/dev/null
run -w first.c2s log --script | tee replay.txt
"$C2S_PROGRAM" -w first.c2s log --script >replay.c2s
run -q -w second.c2s -x replay.c2s >/dev/null
for w in first second; do
    "$C2S_PROGRAM" -w $w.c2s --mode csv sql 'SELECT id, parent, step, tags, is_head, model_hash FROM versions' >$w.versions
    "$C2S_PROGRAM" -w $w.c2s --mode csv sql 'SELECT hash FROM tensors ORDER BY hash' >$w.tensors
done
cmp first.versions second.versions && echo "versions are the same: $(wc -l <first.versions) lines"
cmp first.tensors second.tensors && echo "tensors are the same"
run -w first.c2s log --script act4
run -w first.c2s log --script --json
# Both paths are as they were given, so that the script runs in the same folder.
mkdir below
(cd below && "$C2S_PROGRAM" -q -w given.c2s -c 'data use ../fashion-mnist-1k --scale 255' -c 'load ../fm_sep.h5' &&
    run -w given.c2s log --script && "$C2S_PROGRAM" -w given.c2s log --script >again.c2s && run -q -w again_given.c2s -x again.c2s)
# A script is not coloured or wrapped, and the prompt of a terminal is not in it.
"$C2S_PROGRAM" -w first.c2s --color=always log --script | cmp - replay.c2s && echo "the same in colour"
true
