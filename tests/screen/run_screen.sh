#!/bin/bash
# Plays a .keys file to the full screen in a terminal of fixed size and compares what it shows with
# the .screen file beside it.  usage: run_screen.sh PROGRAM NAME.keys [--write]
# A .keys file: `run ARGUMENTS` starts the program (anew), `keys WORD...` sends keys as tmux names
# them, `typed WORD...` does not wait for their effect, `until TEXT` waits for a text on the screen,
# `text LINE` types a line as it is, `size W H` resizes, `signal NAME` sends a signal to it, `shot`
# compares the next part of .screen.
set -euo pipefail
program=$(realpath "$1"); keys=$(realpath "$2"); expected=${keys%.keys}.screen
: "${C2S_TEST_DATA:?is not set; run the tests by 'meson test'}"
command -v tmux > /dev/null || { echo "tmux is missing; install it: apt install tmux"; exit 1; }
dir=$(mktemp -d); socket=$dir/socket
unset TMUX
terminal() { tmux -S "$socket" -f /dev/null "$@"; }
trap 'terminal kill-server 2> /dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
ln -s "$C2S_TEST_DATA" data
export LC_ALL=C.UTF-8 TZ=UTC HOME=$dir XDG_STATE_HOME=$dir NO_COLOR=1 LSAN_OPTIONS=${LSAN_OPTIONS:-}

# The screen once it has stopped changing and no command runs; times of day and durations masked.
settled() {
    local now before=
    for _ in $(seq 300); do
        sleep 0.1
        now=$(terminal capture-pane -p)
        if [[ -n $now && $now == "$before" && ! $now =~ ' ...'|'Esc cancels'|'Esc stops'|'   stopping' ]]; then
            sed -E 's/[0-9]{2}:[0-9]{2}/HH:MM/g; s/[0-9]+\.[0-9]{2} s/T.TT s/g; s/after [0-9]+ of 1000 */after N of 1000 /; s/(after N of 1000 samples) +│/\1 │/; s/after epoch [0-9]+/after epoch N/' <<< "$now"
            return
        fi
        before=$now
    done
    echo "the screen did not settle within 30 s"; return 1
}

until_shown() {
    for _ in $(seq 300); do
        [[ $(terminal capture-pane -p) == *"$1"* ]] && return
        sleep 0.1
    done
    echo "the screen did not show '$1' within 30 s"; return 1
}

shots=$dir/shots
while IFS= read -r line; do
    word=${line%% *}; rest=${line#"$word"}; rest=${rest# }
    case $word in
    ''|'#'*) ;;
    run) command="$program -w w.c2s $rest; echo left with \$?; cat"
         if terminal has-session 2> /dev/null; then
             terminal respawn-pane -k "$command"
         else
             terminal new-session -d -x 100 -y 30 "$command"; terminal set-option -g status off
         fi
         settled > /dev/null ;;
    keys) for key in $rest; do terminal send-keys "$key"; done; settled > /dev/null ;;
    typed) for key in $rest; do terminal send-keys "$key"; done; sleep 0.3 ;; # does not wait
    text) terminal send-keys -l -- "$rest"; settled > /dev/null ;;
    until) until_shown "$rest" ;;
    signal) shell=$(terminal display-message -p '#{pane_pid}')
            kill -s "$rest" "$(cat "/proc/$shell/task/$shell/children")"; settled > /dev/null ;;
    size) terminal resize-window -x "${rest% *}" -y "${rest#* }"; settled > /dev/null ;;
    shot) { echo "=== $rest"; settled; } >> "$shots" ;;
    *) echo "$keys: unknown word '$word'"; exit 1 ;;
    esac
done < "$keys"
if [[ ${3:-} == --write ]]; then
    cp "$shots" "$expected"
else
    diff -u "$expected" "$shots"
fi
