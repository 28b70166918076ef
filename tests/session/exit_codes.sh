# Exit codes: 0 ok, 1 command failed, 2 wrong use, 3 script stopped, 4 condition not met,
# 5 file unreadable or no Keras model, 141 output closed.
printf 'load fm_sep.h5\n# a comment\neval\nlog\n' >stops.c2s
printf 'source stops.c2s\n' >outer.c2s
printf 'load fm_sep.h5\ncheck\n' >ends_in_check.c2s
printf 'load fm_sep.h5\ncheck\nlog\n' >goes_on.c2s
printf 'source self.c2s\n' >self.c2s
printf "load 'fm_sep.h5\n" >open_quote.c2s
printf 'load fm_sep.h5\nquit\nnonsense\n' >quits.c2s
run -q -x stops.c2s
run -q -x outer.c2s
run -q -x missing.c2s
run -q data use missing
run -q -c 'data use missing'
run help E999
run help nosuch
run --version --json
run -x self.c2s
run -x open_quote.c2s
run -q -x quits.c2s
run -q -x ends_in_check.c2s >.out; tail -1 .out
run -q -x goes_on.c2s >.out; tail -1 .out
run fm_sep.h5 check --json >.out; tail -1 .out
run fm_sep.h5 check --level keras --json >.out; tail -1 .out | cut -c1-60
run -q -c 'data use fashion-mnist-1k --scale 255 --limit 50' fm_sep.h5 eval --min-accuracy 99.9
run -q fm_sep.h5 eval --min-accuracy 50
echo '$ script on standard input'
printf 'mode\nnonsense\nmode\n' | "$C2S_PROGRAM" -q; echo "exit $?"
printf 'mode\n' | "$C2S_PROGRAM" -q -c 'mode json' -x - -c mode; echo "exit $?"
echo '$ output that is closed'
{ "$C2S_PROGRAM" fm_sep.h5 sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n"; echo "exit $?" >&2; } | head -1
"$C2S_PROGRAM" help >/dev/full; echo "exit $?"
echo '$ a folder that takes no workspace'
(cd /proc && "$C2S_PROGRAM" "$OLDPWD/fm_sep.h5" show v1 --json | cut -c1-20)
(cd /proc && "$C2S_PROGRAM" "$OLDPWD/fm_sep.h5" quantize all 4) 2>&1; echo "exit $?"
echo '$ a file of more than the limit'
(ulimit -f 100; run -q -w limited.c2s load fm_sep.h5)
rm -f limited.c2s*
echo '$ the home folder'
mkdir ~/models && cp fm_sep.h5 ~/models
run -q -w :memory: -c 'load ~/models/fm_sep.h5' -c 'load ~/models/none.h5'
run -q -w :memory: -c "load '~/models/fm_sep.h5'"
echo '$ numbers in JSON'
run sql "SELECT 1 AS i, -2.5 AS r, 1e-9 AS s, '007' AS t, '1.50' AS u, NULL AS n, 1e300 * 1e300 AS v" --json
echo '$ no workspace for help'
rm -f workspace.c2s
run help mode
ls
true
