# A training whose program is killed goes on to the same weights; Ctrl-C keeps the best so far, and
# its step says where it stopped.
# The simple engine takes long enough for an epoch to be interrupted in one, on any machine.
data=fashion-mnist-1k,split=test,limit=40
train="retrain --data $data --batch 10 --epochs 6 --augment shift=1 --engine ref"
query() { "$C2S_PROGRAM" -w "$1" --mode csv sql "$2" 2>/dev/null | tail -n +2 | tr -d '"'; }
prepare() {
    "$C2S_PROGRAM" -q -w "$1" -c 'load fm_sep.h5' -c 'data use fashion-mnist-1k --scale 255' -c 'quantize all 2 --input 8' >/dev/null
}
begin() { # trains in the background until an epoch is kept
    prepare "$1"
    "$C2S_PROGRAM" -q -w "$1" -c "$train" >/dev/null 2>&1 &
    for _ in $(seq 2400); do
        [ "$(query "$1" 'SELECT count(*) FROM runs WHERE epochs >= 1')" = 1 ] && return
        sleep 0.05
    done
    echo "no epoch was kept"
}
prepare whole.c2s
"$C2S_PROGRAM" -q -w whole.c2s -c "$train" >/dev/null 2>&1
whole=$(query whole.c2s 'SELECT model_hash FROM versions WHERE id = 3')
story='SELECT epoch, loss, accuracy, validation_loss, validation_accuracy, learning_rate, is_kept FROM epochs'

begin killed.c2s
{ kill -KILL $!; wait $!; } 2>/dev/null # bash tells of killed jobs
"$C2S_PROGRAM" -w killed.c2s gc | sed 's/[0-9].*//'
run -w killed.c2s sql 'SELECT id, version, step FROM runs'
"$C2S_PROGRAM" -w killed.c2s -i </dev/null | grep Next
run -w killed.c2s log | sed 's/after epoch [1-6]/after epoch N/'
run -w killed.c2s log --json | grep -Eo '"interrupted": "[^"]*", "interrupted_epochs": [1-6]|"interrupted": null' | sed 's/: [1-6]$/: N/'
run -w killed.c2s show | sed 's/after epoch [1-6]/after epoch N/' | grep -A2 -E '^resume:|^Next'
run -w killed.c2s show --json | grep -Eo '"interrupted": "[^"]*", "interrupted_epochs": [1-6], "is_best_so_far": false' | sed 's/: [1-6],/: N,/'
run -w killed.c2s checkout v1
run -w killed.c2s log | tail -1
run -w killed.c2s show v2 | tail -1
run -w killed.c2s checkout v2 | sed 's/after epoch [1-6]/after epoch N/'
mv fashion-mnist-1k elsewhere
run -w killed.c2s retrain --resume
mv elsewhere fashion-mnist-1k
cp killed.c2s anew.c2s
run -w anew.c2s -c "$train" 2>&1 | grep anew | sed 's/after epoch [1-6]/after epoch N/'
run -w killed.c2s -q -c 'retrain --resume' >resumed.txt 2>&1
grep -o 'went on after epoch' resumed.txt
[ "$(query killed.c2s 'SELECT model_hash FROM versions WHERE id = 3')" = "$whole" ] && echo "the same weights"
[ "$(query killed.c2s "$story")" = "$(query whole.c2s "$story")" ] && echo "the same story"
echo "runs left: $(query killed.c2s 'SELECT count(*) FROM runs')"
run -w killed.c2s retrain --resume

begin stopped.c2s
kill -INT $!
wait $!
echo "exit $?"
echo "runs left: $(query stopped.c2s 'SELECT state FROM runs')"
step=$(query stopped.c2s 'SELECT step FROM versions WHERE id = 3')
echo "$step" | sed -E 's/stop-after [123]/stop-after N/'
prepare replayed.c2s
"$C2S_PROGRAM" -q -w replayed.c2s -c "$step" >/dev/null 2>&1
[ "$(query stopped.c2s 'SELECT model_hash FROM versions WHERE id = 3')" = "$(query replayed.c2s 'SELECT model_hash FROM versions WHERE id = 3')" ] && echo "a replay gives the same weights"

# What was stopped goes on as well, from the version that was made of it.
"$C2S_PROGRAM" -w stopped.c2s -i </dev/null | grep Next
run -w stopped.c2s show | sed 's/after epoch [1-6]/after epoch N/' | grep -A2 -E '^so far:|^Next'
run -w stopped.c2s -q -c 'retrain --resume' >resumed.txt 2>&1
grep -o 'went on after epoch' resumed.txt
[ "$(query stopped.c2s 'SELECT model_hash FROM versions WHERE id = 4 AND parent = 2')" = "$whole" ] && echo "the same weights"
echo "runs left: $(query stopped.c2s 'SELECT count(*) FROM runs')"

# Without a better epoch there is no version, but a story, and the same is not trained again.
run -w stopped.c2s -q -c 'checkout v1'
worse="retrain --data $data --batch 10 --epochs 2 --lr 1e-12 --optimizer sgd --freeze *batch*"
run -w stopped.c2s -c "$worse" 2>/dev/null | grep -E 'kept|no epoch'
query stopped.c2s 'SELECT version, run, epoch, is_kept FROM epochs WHERE run'
query stopped.c2s 'SELECT state, epochs FROM runs'
run -w stopped.c2s -c "$worse --json" 2>&1 | grep -o '"was_cached": true'
run -w stopped.c2s show | grep -A2 '^tried:'
run -w stopped.c2s gc --trainings | sed 's/removed.*/removed/'

# Another shell may work meanwhile: its gc leaves the checkpoint, its rm the version. However slow the
# machine, the training is longer than all of it.
train="retrain --data $data --batch 10 --epochs 1000 --engine ref"
begin busy.c2s
"$C2S_PROGRAM" -w busy.c2s gc | sed 's/[0-9].*//'
run -w busy.c2s checkout v1
run -w busy.c2s rm v2
run -w busy.c2s tag float v1
kill -INT $!
wait $!
echo "exit $?"
prepare again.c2s
"$C2S_PROGRAM" -q -w again.c2s -c "$(query busy.c2s 'SELECT step FROM versions WHERE id = 3')" >/dev/null 2>&1
[ "$(query busy.c2s 'SELECT model_hash FROM versions WHERE id = 3')" = "$(query again.c2s 'SELECT model_hash FROM versions WHERE id = 3')" ] && echo "the same weights"
true
