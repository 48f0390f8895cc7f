# Runs one private PostgreSQL: supervise.sh BIN FOLDER PORT. Commands come on standard input, one a line; when that
# ends, because the tests ended or were killed, the server goes and its folder with it.
set -u
trap '' INT TERM HUP
bin=$1 folder=$2 port=$3 run=

# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    chown -R "$user" "$folder"
    run="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
cd "$folder" || exit 1

start() {
    $run "$bin/postgres" -D "$folder/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$folder" \
        -c fsync=off -c max_connections=400 -c shared_buffers=32MB >>"$folder/log" 2>&1 &
    pid=$!
    until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        kill -0 "$pid" 2>/dev/null || { echo "failed: $(tail -n 3 "$folder/log" | tr '\n' ' ')"; return; }
        sleep 0.05
    done
    echo ready
}

# At once, without a word to clients: what a crash looks like to them.
stop() {
    kill -QUIT "$pid" 2>/dev/null
    wait "$pid"
    echo stopped
}

if ! $run "$bin/initdb" -D "$folder/data" -U tollgate --pwfile="$folder/password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$folder/log" 2>&1; then
    echo "failed: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
    exit 1
fi
start
while read -r command; do
    case "$command" in
        start) start ;;
        stop) stop ;;
    esac
done
stop >/dev/null
cd / && rm -rf "$folder"
