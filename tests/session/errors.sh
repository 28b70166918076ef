# What goes wrong, with the sentence and the exit code of each.
run -c 'quantise all 4'
run -c 'che'
run -c 'c'
run -c 'eval'
run fm_sep.h5 eval
run fm_sep.h5 quantize all 9
run fm_sep.h5 quantize activations 4 --input 8
run fm_sep.h5 quantize weights 1
run fm_sep.h5 quantize all 4 --layers 'nothing*'
run fm_sep.h5 quantize
run fm_sep.h5 hist conv2
run fm_sep.h5 hist nonsense
run fm_sep.h5 check v9
run fm_sep.h5 compare v1
run fm_sep.h5 check --level chip
run fm_sep.h5 data use nowhere
run fm_sep.h5 data use fm_sep.h5
run fm_sep.h5 undo
run fm_sep.h5 tag v7
run fm_sep.h5 export v1 model.onnx
run fm_sep.h5 export v1 model.fbz
run fm_sep.h5 sql 'SELECT nothing'
run fm_sep.h5 help E999
run missing.h5 check
mkdir saved && : >saved/saved_model.pb
run saved check
run data/README.md check
head -c 5000 data/fm_sep.h5 >short.h5
run short.h5
run -c 'load short.h5'
echo text >text.c2s
run -w text.c2s log
run text.c2s
run -w nowhere/w.c2s log
run --bogus
run --mode xml
run -w
run -c "load 'fm_sep.h5"
run --json -c 'load missing.h5'
run eval --json
run -w :memory: fix --all
run -w :memory: fm_sep.h5 fix E999
run -w :memory: fm_sep.h5 fix convolution
run -w :memory: fm_sep.h5 fix E014 --all
run -w :memory: fm_sep.h5 fix dense --layers 'conv*'
run -w :memory: fm_sep.h5 fix E014 --level keras
run -w :memory: fm_sep.h5 fix E014 --json --dry-run
true
