# Without UTF-8 the pictures are ASCII; nothing is lost.
export LC_ALL=C
run -q fm_sep.h5 hist dense_1 --bins 40
run -q -c 'quantize weights 3' -c 'hist dense_1 --bins 40'
run -q hist dense_1 --bins 4 --json
true
