#!/bin/bash
# Every #include follows the direction of dependencies: the core knows neither terminal nor SQL, the
# user interface sees the core's public headers alone, each third-party library has its one place.
# usage: check_includes.sh SOURCE_ROOT
set -u
cd "${1:?source root}" || exit 2
n_wrong=0
n_seen=0

wrong() {
    echo "$1: must not include $2: $3"
    n_wrong=$((n_wrong + 1))
}

# Headers of C and POSIX (and what glibc has on every Linux).
system_headers=' assert ctype dirent errno fcntl fenv float fnmatch ftw getopt glob immintrin inttypes langinfo '
system_headers+='libgen limits locale math omp poll pthread pty pwd setjmp signal spawn stdarg stdatomic '
system_headers+='stdbool stddef stdint stdio stdlib string strings sys/file sys/ioctl sys/mman '
system_headers+='sys/resource sys/select sys/stat sys/time sys/types sys/wait termios time unistd wchar '
system_headers+='wctype '

# Third-party header -> files that may include it.
allowed_place() {
    case $1 in
    hdf5.h) place='src/h5/h5_*.[ch]' ;;
    jansson.h) place='src/base/json.c' ;;
    dnnl.h | oneapi/*) place='src/engine/dnnl*.[ch] src/akida/dnnl*.[ch]' ;;
    zlib.h) place='src/data/stream.c' ;;
    minizip/*) place='src/zip/zip.c' ;;
    nettle/*) place='src/tensor/hash.c' ;;
    sqlite3.h) place='store/*.[ch]' ;;
    readline/* | curses.h | term.h | ncurses.h | ncursesw/*) place='ui/term/*.[ch]' ;;
    *) place='' ;;
    esac
}

# A module may include those of a lower rank, and itself.
rank() {
    case $1 in
    base) echo 0 ;;
    tensor | rules | zip) echo 1 ;;
    graph | h5) echo 2 ;;
    keras | quant | check | data | engine) echo 3 ;;
    fix | train | akida | calibrate) echo 4 ;;
    session) echo 5 ;;
    *) echo none ;;
    esac
}

check_system() { # file, header
    local pattern
    [[ $system_headers == *" ${2%.h} "* ]] && return
    allowed_place "$2"
    [ -n "$place" ] || { wrong "$1" "<$2>" "it is neither C, POSIX nor a known library"; return; }
    for pattern in $place; do
        # shellcheck disable=SC2053
        [[ $1 == $pattern ]] && return
    done
    wrong "$1" "<$2>" "only $place may"
}

check_core() { # file, header in quotes
    local from to
    from=${1#src/} from=${from%%/*} to=${2%%/*}
    [[ $2 == */* ]] || { wrong "$1" "\"$2\"" 'private headers are named by module, "module/header.h"'; return; }
    [ "$from" = "$to" ] && return
    [ "$(rank "$to")" = none ] && { wrong "$1" "\"$2\"" "it is not of the core"; return; }
    [ "$(rank "$to")" -lt "$(rank "$from")" ] || wrong "$1" "\"$2\"" "$from does not stand above $to"
}

check_store() {
    [ -f "store/$2" ] || [ -f "store/${2%.inc}" ] || wrong "$1" "\"$2\"" "store sees its own headers and c2s/*.h"
}

check_ui() {
    if [ "$2" = store.h ]; then
        [ "$1" = ui/main.c ] || wrong "$1" "\"$2\"" "only ui/main.c joins store and ui"
    elif [ ! -f "ui/$2" ] && [ ! -f "$(dirname "$1")/$2" ]; then
        wrong "$1" "\"$2\"" "ui sees its own headers and c2s/*.h"
    fi
    # Commands and views never link a terminal.
    [[ $1 == ui/term/* || $1 == ui/main.c || $2 != term/* ]] || [ "$2" = term/tui.h ] ||
        wrong "$1" "\"$2\"" "only ui/term and ui/main.c know the terminal"
}

while IFS=: read -r file text; do
    n_seen=$((n_seen + 1))
    header=$(sed -E 's/.*[<"]([^>"]*)[>"].*/\1/' <<<"$text")
    case $text in
    *'<c2s/'*) [ -f "src/include/$header" ] || wrong "$file" "<$header>" "there is no such header" ;;
    *'<'*) check_system "$file" "$header" ;;
    *)
        case $file in
        src/include/*) wrong "$file" "\"$header\"" "public headers include <c2s/...> and C headers only" ;;
        src/*) check_core "$file" "$header" ;;
        store/*) check_store "$file" "$header" ;;
        ui/*) check_ui "$file" "$header" ;;
        esac
        ;;
    esac
done < <(grep -rE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' src store ui --include='*.[ch]')

[ "$n_seen" -gt 100 ] || { echo "only $n_seen includes found in $1: wrong folder?"; exit 2; }
echo "$n_seen includes, $n_wrong wrong"
[ "$n_wrong" -eq 0 ]
