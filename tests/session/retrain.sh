# Training from the command line: what it shows, the same step again, replay, and what goes wrong.
data=fashion-mnist-1k,split=test,limit=60
train=(retrain --data "$data" --batch 10 --engine ref)
run -q -c 'load fm_sep.h5' -c 'data use fashion-mnist-1k --scale 255 --limit 50' -c 'quantize all 2 --input 8'
run "${train[@]}" --epochs 2
run show v3 --json | sed 1d | grep -oE '"epochs": \[[^]]*\]' |
    sed -E 's/"seconds": [^,]*/"seconds": N/g; s/(\.[0-9]{2})[0-9]+/\1/g'
run show v3 | head -9
run checkout v2
run "${train[@]}" --epochs 2
run --mode csv sql 'SELECT version, epoch, round(validation_accuracy, 4) AS validation, is_kept FROM epochs'
run sql 'SELECT * FROM runs'
# A teacher; the script counts its number anew when versions are gone.
run checkout v1
run quantize all 4
run "${train[@]}" --epochs 1 --distill v2 --freeze 'conv*' --augment flip,shift=1 --optimizer sgd --lr 1e-3 --schedule constant --validation 0 --seed 5
run rm v3
run log
run log --script
"$C2S_PROGRAM" log --script >replay.c2s
run -q -w replay.c2s-workspace -x replay.c2s 2>/dev/null
for w in workspace.c2s replay.c2s-workspace; do
    "$C2S_PROGRAM" -w $w --mode csv sql 'SELECT model_hash FROM versions ORDER BY id' >$w.versions
done
cmp workspace.c2s.versions replay.c2s-workspace.versions && echo "versions are the same: $(wc -l <workspace.c2s.versions) lines"
# Nothing better.
run checkout v4
run "${train[@]}" --epochs 1 --lr 100 --optimizer sgd 2>/dev/null | tail -7
# What is advised can be typed as it stands.
next=$("$C2S_PROGRAM" "${train[@]}" --epochs 1 --lr 100 --optimizer sgd | tr '\n' ' ' | sed 's/.*Next: //')
run -c "$next" 2>/dev/null | tail -n 5
run "${train[@]}" --epochs 3 --patience 1 --lr 100 --validation 0 2>&1 | grep -E 'epoch [1-3]/|ended' | sed 's/: loss.*%/: .../'
# What is refused.
run retrain
run retrain --data nowhere
run retrain --data fashion-mnist-1k,limit=x
run retrain --data "$data,limit=20"
run "${train[@]}" --augment flap
run "${train[@]}" --augment shift=0
run "${train[@]}" --augment flip,shift=28
run "${train[@]}" --validation 2
run "${train[@]}" --validation nowhere
run "${train[@]}" --freeze 'nothing*'
run "${train[@]}" --freeze '*'
run "${train[@]}" --distill v9
run "${train[@]}" --lr 0
run retrain --data fashion-mnist-1k,split=test,limit=60 --batch 55 --engine ref
run retrain --resume
run retrain --resume --epochs 2
run -w :memory: retrain
true
